"""What the errors of real servers and drivers mean: a row that is refused, or an outage."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pymysql
import pytest
from sqlalchemy import Connection, create_engine, make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from support.mariadb import MariadbServer
from support.postgres import PostgresServer

from orders_sync.database_engines import mysql_engine, postgresql_engine
from orders_sync.database_failures import Failure, Outage, outage_of, read_failure
from orders_sync.domain.commands import Command, Outcome
from orders_sync.erp.staging import StagingErp
from orders_sync.errors import ErpUnavailable, LedgerUnavailable
from orders_sync.ledger.engine import Database


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


SECRET = "hunter2"
NOWHERE = "127.0.0.1:1"


def said_by_ledger(url: str) -> str:
    with (
        closing(Database(url)) as database,
        pytest.raises(LedgerUnavailable) as raised,
        database.writing() as connection,
    ):
        connection.exec_driver_sql("CREATE TABLE t (id INTEGER)")
    return str(raised.value)


def said_by_staging(url: str, home: Path) -> str:
    with (
        closing(StagingErp("mystore", {"url": url}, home)) as erp,
        pytest.raises(ErpUnavailable) as raised,
    ):
        erp.answer(Command("sync", "1-01", {}, "erp-1"), Outcome("done"))
    return str(raised.value)


@pytest.mark.parametrize(
    ("change", "outage"),
    [
        pytest.param(("tests@", f"stranger:{SECRET}@"), Outage.LOGIN, id="user"),
        pytest.param(("/test_", "/none_"), Outage.DATABASE, id="database"),
        pytest.param(("host=", "host=/nowhere"), Outage.PORT, id="socket"),
        pytest.param(
            ("host=", "options=-c%20default_transaction_read_only%3Don&host="),
            Outage.READ_ONLY,
            id="read-only",
        ),
    ],
)
def test_a_postgresql_that_cannot_be_used_says_why(
    change: tuple[str, str],
    outage: Outage,
    postgres: PostgresServer,
    postgres_database: str,
    tmp_path: Path,
) -> None:
    url = postgres.url(postgres_database).replace(*change)

    ledger, staging = said_by_ledger(url), said_by_staging(url, tmp_path)

    assert f"The ledger's database {outage.behaviour} (" in ledger
    assert outage.remedy("ORDERS_SYNC_LEDGER_URL") in ledger
    assert f"The staging database {outage.behaviour} (" in staging
    assert SECRET not in ledger + staging


@pytest.mark.parametrize(
    ("user", "place", "outage"),
    [
        ("someone:wrong", "{database}", Outage.LOGIN),
        (f"someone:{SECRET}", "mysql", Outage.NO_ENTRY),
        ("root", "none", Outage.DATABASE),
    ],
)
def test_a_mariadb_that_cannot_be_used_says_why(
    user: str,
    place: str,
    outage: Outage,
    mariadb: MariadbServer,
    mariadb_database: str,
    tmp_path: Path,
) -> None:
    mariadb.command(f"CREATE USER IF NOT EXISTS someone IDENTIFIED BY '{SECRET}'")
    url = mariadb.url(place.format(database=mariadb_database)).replace("root", user)

    staging = said_by_staging(url, tmp_path)

    assert f"The staging database {outage.behaviour} (" in staging
    assert SECRET not in staging


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_a_port_at_which_nothing_listens_is_told(kind: str, tmp_path: Path) -> None:
    staging = said_by_staging(f"{kind}://someone:{SECRET}@{NOWHERE}/erp", tmp_path)

    assert Outage.PORT.behaviour in staging
    assert SECRET not in staging


def test_a_file_that_cannot_be_opened_or_is_none_is_told(tmp_path: Path) -> None:
    broken = tmp_path / "broken.sqlite3"
    broken.write_bytes(b"no database" * 100)

    away = said_by_staging(f"sqlite:///{tmp_path / 'none' / 'erp.sqlite3'}", tmp_path)

    assert Outage.FILE.behaviour in away
    assert Outage.BROKEN.behaviour in said_by_staging(f"sqlite:///{broken}", tmp_path)


PSYCOPG = psycopg.OperationalError
PYMYSQL = pymysql.OperationalError


@pytest.mark.parametrize(
    ("error", "outage"),
    [
        (PSYCOPG('FATAL:  password authentication failed for user "u"'), Outage.LOGIN),
        (PSYCOPG('FATAL:  no pg_hba.conf entry for host "::1", no encryption'), Outage.LOGIN),
        (PSYCOPG("FATAL:  sorry, too many clients already"), Outage.CONNECTIONS),
        (PSYCOPG("FATAL:  no more connections allowed (max_client_conn)"), Outage.CONNECTIONS),
        (PSYCOPG("failed to resolve host 'x': Name or service not known"), Outage.HOST),
        (PSYCOPG("connection timeout expired"), Outage.SILENT),
        (PSYCOPG("the server is silent"), Outage.SILENT),
        (PSYCOPG("server does not support SSL, but SSL was required"), Outage.TLS),
        (PSYCOPG("SSL SYSCALL error: EOF detected"), Outage.CUT),
        (PSYCOPG("server closed the connection unexpectedly"), Outage.CUT),
        (PSYCOPG("FATAL:  the database system is starting up"), Outage.CUT),
        (psycopg.errors.DiskFull("no space left"), Outage.FULL),
        (psycopg.errors.TooManyConnections("too many"), Outage.CONNECTIONS),
        (psycopg.errors.ReadOnlySqlTransaction("cannot"), Outage.READ_ONLY),
        (psycopg.errors.LockNotAvailable("lock timeout"), Outage.BUSY),
        (psycopg.errors.DeadlockDetected("deadlock"), Outage.BUSY),
        (psycopg.errors.AdminShutdown("terminating"), Outage.CUT),
        (psycopg.errors.UndefinedColumn("column"), Outage.TABLES),
        (psycopg.errors.InsufficientPrivilege("permission"), Outage.RIGHT),
        (PYMYSQL(2003, "Can't connect to MySQL server on 'h' (timed out)"), Outage.SILENT),
        (PYMYSQL(2003, "Can't connect ([Errno -2] Name or service not known)"), Outage.HOST),
        (PYMYSQL(2013, "Lost connection to MySQL server during query (timed out)"), Outage.SILENT),
        (PYMYSQL(2006, "MySQL server has gone away"), Outage.CUT),
        (PYMYSQL(1040, "Too many connections"), Outage.CONNECTIONS),
        (PYMYSQL(1205, "Lock wait timeout exceeded"), Outage.BUSY),
        (PYMYSQL(1290, "running with the --read-only option"), Outage.READ_ONLY),
        (PYMYSQL(1114, "The table is full"), Outage.FULL),
        (PYMYSQL(1146, "Table doesn't exist"), Outage.TABLES),
        (PYMYSQL(1105, "something else"), Outage.UNKNOWN),
    ],
)
def test_the_errors_of_drivers_have_their_reason(error: Exception, outage: Outage) -> None:
    assert outage_of(OperationalError("SELECT 1", {}, error)) is outage
