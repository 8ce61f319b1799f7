"""Why a database cannot be used is told, from what real servers and drivers say."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import psycopg
import pymysql
import pytest
from sqlalchemy.exc import OperationalError
from support.mariadb import MariadbServer
from support.postgres import PostgresServer

from orders_sync.database_failures import Outage, outage_of
from orders_sync.domain.commands import Command, Outcome
from orders_sync.erp.staging import StagingErp
from orders_sync.errors import ErpUnavailable, LedgerUnavailable
from orders_sync.ledger.engine import Database

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
