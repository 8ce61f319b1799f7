"""How the ledger's database is named, and what holds for every connection to PostgreSQL."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from threading import Barrier

import pytest
import sqlalchemy as sa
from support.postgres import PostgresServer
from support.waiting import until

from orders_sync.errors import ConfigurationError, LedgerUnavailable
from orders_sync.ledger.engine import Database

_TOGETHER = 8
_NEW_FILES = 60


@pytest.mark.parametrize(
    ("url", "says"),
    [
        pytest.param("nonsense", "it is no URL", id="no URL"),
        pytest.param("sqlite://var/x.db", "after three slashes", id="two slashes"),
        pytest.param("oracle9://u:hunter2@x/y", "oracle9 is neither sqlite nor", id="unknown"),
        pytest.param("mysql+pymysql://u:hunter2@x/y", "pymysql is neither", id="another database"),
        pytest.param("postgresql+pg8000://u:hunter2@x/y", "pg8000 is neither", id="another driver"),
    ],
)
def test_a_url_that_is_no_ledgers_is_refused_without_repeating_it(url: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=f"ORDERS_SYNC_LEDGER_URL .*{says}") as raised:
        Database(url)

    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("form", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_way_to_write_postgresql_means_psycopg(
    form: str, postgres: PostgresServer, postgres_database: str
) -> None:
    url = postgres.url(postgres_database).replace("postgresql", form)

    with closing(Database(url)) as database, database.reading() as connection:
        driver = connection.dialect.driver

    assert driver == "psycopg"


@pytest.mark.parametrize("form", ["postgres", "postgresql", "postgresql+psycopg"])
def test_a_missing_driver_is_named_with_the_command_that_installs_it(
    form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)

    with pytest.raises(ConfigurationError, match=r"pip install 'orders-sync\[postgres\]'"):
        Database(f"{form}://host/ledger")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("statement_timeout", "20s"),
        ("lock_timeout", "10s"),
        ("idle_in_transaction_session_timeout", "30s"),
        ("jit", "off"),
        ("transaction_isolation", "read committed"),
        ("application_name", "orders_sync"),
        ("TimeZone", "UTC"),
    ],
)
def test_every_session_is_bounded_and_named(
    name: str, value: str, postgres: PostgresServer, postgres_database: str
) -> None:
    url = postgres.url(postgres_database)

    with closing(Database(url)) as database, database.writing() as connection:
        found = connection.execute(sa.text(f"SHOW {name}")).scalar_one()

    assert found == value


def test_what_the_url_says_wins(postgres: PostgresServer, postgres_database: str) -> None:
    query = "application_name=mine&options=-c%20lock_timeout%3D7s"
    url = f"{postgres.url(postgres_database)}&{query}"

    with closing(Database(url)) as database, database.reading() as connection:
        found = [
            connection.execute(sa.text(f"SHOW {name}")).scalar_one()
            for name in ("application_name", "lock_timeout", "statement_timeout")
        ]

    assert found == ["mine", "7s", "20s"]


def test_a_database_that_cannot_be_opened_is_a_wait(tmp_path: Path) -> None:
    folder = tmp_path / "ledger.sqlite3"
    folder.mkdir()

    for url in (f"sqlite:///{folder}", f"postgresql://x@/x?host={folder}"):
        with (
            closing(Database(url)) as database,
            pytest.raises(LedgerUnavailable, match="ORDERS_SYNC_LEDGER_URL"),
            database.writing(),
        ):
            pass


def test_an_error_of_the_database_does_not_show_what_was_written(empty_url: str) -> None:
    with closing(Database(empty_url)) as database:
        with database.writing() as connection:
            connection.execute(sa.text("CREATE TABLE t (a TEXT CHECK (a = ''))"))

        with pytest.raises(sa.exc.DBAPIError) as caught, database.writing() as connection:
            connection.execute(sa.text("INSERT INTO t VALUES (:a)"), {"a": "maria@example.com"})

    assert "maria" not in str(caught.value)


def test_a_value_of_the_wrong_kind_is_not_repeated_either(
    postgres: PostgresServer, postgres_database: str
) -> None:
    wrong = sa.text("SELECT CAST(:a AS integer)")

    with (
        closing(Database(postgres.url(postgres_database))) as database,
        pytest.raises(sa.exc.DataError) as caught,
        database.reading() as connection,
    ):
        connection.execute(wrong, {"a": "maria@example.com"})

    assert "maria" not in str(caught.value)
    assert "22P02" in str(caught.value)


def test_a_row_that_no_waiting_makes_smaller_is_no_wait(
    postgres: PostgresServer, postgres_database: str
) -> None:
    long = "".join(chr(0x4E00 + number) for number in range(9000))
    with closing(Database(postgres.url(postgres_database))) as database:
        with database.writing() as connection:
            connection.execute(sa.text("CREATE TABLE t (a TEXT PRIMARY KEY)"))

        with pytest.raises(sa.exc.OperationalError), database.writing() as connection:
            connection.execute(sa.text("INSERT INTO t VALUES (:a)"), {"a": long})


def test_threads_that_open_a_new_file_together_all_get_it(tmp_path: Path) -> None:
    barrier = Barrier(_TOGETHER)

    def open_and_ask(url: str) -> int | None:
        barrier.wait(30)
        with closing(Database(url)) as database, database.writing() as connection:
            return connection.scalar(sa.select(1))

    with ThreadPoolExecutor(_TOGETHER) as pool:
        for number in range(_NEW_FILES):
            url = f"sqlite:///{tmp_path / str(number)}"
            answers = list(pool.map(open_and_ask, [url] * _TOGETHER))

            assert answers == [1] * _TOGETHER


_HOLDS_ALL_THE_TIME = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import sqlalchemy as sa

from orders_sync.ledger.engine import Database

database, folder = Database(sys.argv[1]), Path(sys.argv[2])


def write() -> None:
    while not (folder / "enough").exists():
        with database.writing() as connection:
            connection.execute(sa.text("UPDATE counts SET theirs = theirs + 1"))
            sum(range(50_000))


with ThreadPoolExecutor(10) as pool:
    for _ in range(10):
        pool.submit(write)
"""


def test_a_process_that_writes_all_the_time_does_not_starve_another(tmp_path: Path) -> None:
    database = Database(url := f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    with database.writing() as connection:
        connection.execute(sa.text("CREATE TABLE counts (theirs INTEGER)"))
        connection.execute(sa.text("INSERT INTO counts VALUES (0)"))
    theirs = sa.text("SELECT theirs FROM counts")

    def count() -> int:
        with database.reading() as connection:
            number: int = connection.execute(theirs).scalar_one()
        return number

    def is_beyond(number: int) -> bool:
        return count() > number

    busy = subprocess.Popen([sys.executable, "-c", _HOLDS_ALL_THE_TIME, url, str(tmp_path)])
    try:
        until(lambda: count() > 0, "the other process writes")
        passed_by = 0
        for _ in range(20):
            until(partial(is_beyond, count() + 5), "the other process goes on")
            before = count()
            with database.writing() as connection:
                passed_by += connection.execute(theirs).scalar_one() - before
    finally:
        (tmp_path / "enough").touch()
        busy.wait(60)
        database.close()

    # Where both wait by polling, it is a thousand or more.
    assert passed_by < 20 * 20
