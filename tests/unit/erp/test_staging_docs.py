"""The page for the ERP's developers says what the tables are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import Table
from unit.erp.erp_sql import ErpSql

from orders_sync.commands import NAMED
from orders_sync.erp.staging import StagingErp
from orders_sync.erp.staging_tables import METADATA

PAGE = Path(__file__).parents[3] / "docs" / "staging-tables.md"


@pytest.mark.parametrize("table", METADATA.sorted_tables, ids=str)
def test_the_page_describes_exactly_the_columns_there_are(table: Table) -> None:
    section = PAGE.read_text().partition(f"\n## `{table.name}`\n")[2].partition("\n## ")[0]
    described = [line for line in section.splitlines() if line.startswith("| `")]

    columns = [
        f"| `{column.name}` | {column.type} | {'yes' if column.nullable else 'no'} "
        f"| {column.comment} |"
        for column in table.columns
    ]

    assert described == columns


def test_every_statement_of_the_page_runs_and_its_commands_are_sound(
    staging: StagingErp, sql: ErpSql
) -> None:
    blocks = re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL)

    for statement in filter(str.strip, re.split(r";$", "".join(blocks), flags=re.MULTILINE)):
        sql.execute(statement, account="mystore", order_id="1300000000001-01")

    commands = staging.pull(None).rows
    assert all(NAMED[command.kind].body.model_validate(command.body) for command in commands)
    assert [command.kind for command in commands] == [
        "invoice",
        "track",
        "track",
        "cancel",
        "invoice",
        "track",
    ]


def test_the_page_names_every_field_of_every_command() -> None:
    page = PAGE.read_text()
    table = dict(re.findall(r"^\| `(\w+)` \| \w[^|]* \| (.*) \|$", page, re.MULTILINE))

    package = ("courier", "tracking_number", "tracking_url", "dispatched_at")
    renamed = {"number": "invoice_number", "url": "invoice_url"}
    unnamed = {
        f"{name}.{field}"
        for name, kind in NAMED.items()
        for field in kind.body.model_fields
        if f"`{renamed.get(field, field)}`" not in table[name]
        and not (name == "invoice" and field in package)
    }
    assert unnamed == set()
