"""What the recipes say of databases that no test runs on, as far as it can be compiled."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from sqlalchemy import ClauseElement, Dialect, make_url
from sqlalchemy.dialects import registry
from sqlalchemy.schema import CreateIndex, CreateTable

from orders_sync.erp.staging_commands import (
    ANSWERED_BY_ID,
    ANSWERED_BY_KEY,
    OFFERED,
    unserved,
)
from orders_sync.erp.staging_tables import ERP_COMMANDS, ERP_ORDERS, METADATA

PAGE = (Path(__file__).parents[2] / "docs" / "erp-recipes.md").read_text()
OPTIONS = re.findall(r"ERP_OPTIONS='(\{.*\})'", PAGE)
SQL_SERVER: Dialect = registry.load("mssql.pyodbc")()
ORACLE: Dialect = registry.load("oracle.oracledb")()


def compiled(statement: ClauseElement, dialect: Dialect) -> str:
    return " ".join(str(statement.compile(dialect=dialect)).split())


@pytest.mark.parametrize(
    "dialect", [pytest.param(SQL_SERVER, id="SQL Server"), pytest.param(ORACLE, id="Oracle")]
)
def test_every_statement_of_the_staging_tables_has_a_form_there(dialect: Dialect) -> None:
    tables = [compiled(CreateTable(table), dialect) for table in METADATA.sorted_tables]
    indices = [
        compiled(CreateIndex(index), dialect)
        for table in METADATA.sorted_tables
        for index in table.indexes
    ]

    for statement in (OFFERED, ANSWERED_BY_ID, ANSWERED_BY_KEY, unserved(["mystore"])):
        assert "erp_commands" in compiled(statement, dialect)
    assert all(text.startswith("CREATE") for text in [*tables, *indices])


def test_what_sql_server_would_make_of_the_tables_is_why_they_are_made_by_hand() -> None:
    table = compiled(CreateTable(ERP_ORDERS), SQL_SERVER)

    assert "customer_first_name TEXT" in table
    assert "NVARCHAR" not in table
    answer = compiled(ANSWERED_BY_KEY, SQL_SERVER)
    assert "SELECT erp_commands.answer INTERSECT SELECT" in answer


def test_what_oracle_would_make_of_the_tables_is_why_they_are_made_by_hand() -> None:
    orders, commands = (
        compiled(CreateTable(table), ORACLE) for table in (ERP_ORDERS, ERP_COMMANDS)
    )

    assert "placed_at DATE" in orders
    assert "customer_is_corporate BOOLEAN" in orders
    assert "answer CLOB" in commands
    assert "DECODE(erp_commands.answer" in compiled(ANSWERED_BY_KEY, ORACLE)
    assert "FETCH FIRST" in compiled(OFFERED, ORACLE)


def test_the_urls_of_the_page_name_a_dialect_and_a_driver_that_sqlalchemy_has() -> None:
    urls = [make_url(json.loads(options)["url"]) for options in OPTIONS]

    found = {(url.get_backend_name(), url.get_driver_name()) for url in urls}
    assert found == {("mssql", "pyodbc"), ("oracle", "oracledb")}
    assert all(url.get_dialect() for url in urls)


def test_the_types_of_the_page_are_those_of_the_staging_page() -> None:
    staging = (Path(__file__).parents[2] / "docs" / "staging-tables.md").read_text()
    table = PAGE.partition("| On the page |")[2].partition("\n\n")[0]
    named = set(re.findall(r"^\| `([A-Z ]+(?:\(\d+\))?)`", table, re.MULTILINE))

    assert {name for name in named if name not in staging} == set()
