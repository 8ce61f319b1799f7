"""What the codes of databases mean: a rule that refuses a row, or an outage."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pymysql
import pytest
from sqlalchemy import Connection, create_engine, make_url
from sqlalchemy.exc import DBAPIError
from support.mariadb import MariadbServer
from support.postgres import PostgresServer

from orders_sync.database_engines import mysql_engine, postgresql_engine
from orders_sync.database_failures import Failure, read_failure


@pytest.fixture
def postgresql(postgres: PostgresServer, postgres_database: str) -> Iterator[Connection]:
    engine = postgresql_engine(make_url(postgres.url(postgres_database)), setting="url")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection
    engine.dispose()


@pytest.fixture
def mysql(mariadb: MariadbServer, mariadb_database: str) -> Iterator[Connection]:
    engine = mysql_engine(make_url(mariadb.url(mariadb_database)), setting="url")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def fail(connection: Connection, statement: str) -> Failure:
    with pytest.raises(DBAPIError) as raised:
        connection.exec_driver_sql(statement)
    return read_failure(raised.value)


@pytest.mark.parametrize("state", ["P0001", "P0002", "23514", "23505", "45000", "ERP01", "99999"])
def test_what_a_function_of_postgresql_raises_is_a_refusal_in_its_words(
    state: str, postgresql: Connection
) -> None:
    failure = fail(
        postgresql, f"DO $$ BEGIN RAISE EXCEPTION 'sem rota' USING ERRCODE = '{state}'; END $$"
    )

    assert failure == Failure(state, is_refusal=True, words="sem rota")


@pytest.mark.parametrize(
    "state", ["08006", "25006", "40001", "40P01", "42P01", "53300", "55P03", "57014", "58030"]
)
def test_what_ails_a_server_of_postgresql_is_no_refusal(state: str, postgresql: Connection) -> None:
    failure = fail(
        postgresql, f"DO $$ BEGIN RAISE EXCEPTION 'of it' USING ERRCODE = '{state}'; END $$"
    )

    assert failure == Failure(state, is_refusal=False)


def test_a_value_that_postgresql_quotes_is_not_repeated(postgresql: Connection) -> None:
    failure = fail(postgresql, "SELECT CAST('Joana' AS integer)")

    assert failure == Failure("22P02", is_refusal=True)


@pytest.mark.parametrize(
    ("signal", "failure"),
    [
        pytest.param("'45000'", Failure("45000", is_refusal=True, words="sem rota"), id="plain"),
        pytest.param("'23000'", Failure("23000", is_refusal=True, words="sem rota"), id="state"),
        pytest.param("'HY000'", Failure("1644", is_refusal=True, words="sem rota"), id="general"),
        pytest.param(
            "'45000', MYSQL_ERRNO = 30001",
            Failure("45000", is_refusal=True, words="sem rota"),
            id="a number of its own",
        ),
        pytest.param("'40001', MYSQL_ERRNO = 1213", Failure("40001", is_refusal=False), id="lock"),
        pytest.param("'HY000', MYSQL_ERRNO = 1205", Failure("1205", is_refusal=False), id="wait"),
        pytest.param("'HY000', MYSQL_ERRNO = 1290", Failure("1290", is_refusal=False), id="reads"),
        pytest.param("'42S02', MYSQL_ERRNO = 1146", Failure("42S02", is_refusal=False), id="table"),
        pytest.param("'23000', MYSQL_ERRNO = 1062", Failure("23000", is_refusal=True), id="twice"),
    ],
)
def test_a_signal_of_mariadb_is_judged_by_its_number(
    signal: str, failure: Failure, mysql: Connection
) -> None:
    state, _, number = signal.partition(", ")
    more = f", {number}" if number else ""

    said = fail(
        mysql, f"BEGIN NOT ATOMIC SIGNAL SQLSTATE {state} SET MESSAGE_TEXT = 'sem rota'{more}; END"
    )

    assert said == failure


def test_a_driver_of_mysql_without_sqlstate_is_judged_by_the_number() -> None:
    refusal = DBAPIError("INSERT", {}, pymysql.OperationalError(4025, "CONSTRAINT `c` failed"))
    outage = DBAPIError("INSERT", {}, pymysql.OperationalError(2013, "Lost connection"))

    assert read_failure(refusal) == Failure("4025", is_refusal=True, words="CONSTRAINT `c` failed")
    assert read_failure(outage) == Failure("2013", is_refusal=False)


class _Pyodbc(Exception):
    """An error as pyodbc raises it: the SQLSTATE first, then the words."""


@pytest.mark.parametrize(
    ("state", "is_refusal"),
    [("23000", True), ("45000", True), ("22001", True), ("08S01", False), ("HYT00", False)],
)
def test_other_databases_are_judged_by_the_class_of_their_sqlstate(
    state: str, is_refusal: bool
) -> None:
    error = DBAPIError("INSERT", {}, _Pyodbc(state, "Joana"))

    assert read_failure(error) == Failure(state, is_refusal)


def test_a_locked_file_of_sqlite_is_no_refusal(tmp_path: Path) -> None:
    path = tmp_path / "erp.sqlite3"
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 0})
    with closing(sqlite3.connect(path, isolation_level=None)) as other, engine.connect() as mine:
        other.execute("BEGIN EXCLUSIVE")
        failure = fail(mine, "CREATE TABLE t (id INTEGER)")
    engine.dispose()

    assert failure == Failure("SQLITE_BUSY", is_refusal=False)
