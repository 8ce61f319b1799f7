from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from support.ledger_files import make_ledger
from support.office import Office
from support.postgres import PostgresServer

from orders_sync.ledger import Ledger, migrate
from orders_sync.ledger.engine import Database
from orders_sync.testing.clock import SettableClock

LEASE = timedelta(seconds=60)


@pytest.fixture
def empty_url(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the URL of a database without tables."""
    if database == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.sqlite3'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.url(request.getfixturevalue("postgres_database"))


@pytest.fixture
def database_at(empty_url: str) -> Iterator[Callable[[str], Database]]:
    """Give a database as a version left it."""
    database = Database(empty_url)

    def at(version: str) -> Database:
        config = migrate._config()
        with database.writing() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, version)
            # Where all releases until then kept it.
            connection.execute(
                sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)")
            )
            move = "INSERT INTO alembic_version SELECT version_num FROM orders_sync_version"
            connection.execute(sa.text(move))
            connection.execute(sa.text("DROP TABLE orders_sync_version"))
        return database

    yield at
    database.close()


@pytest.fixture
def ledger_url(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the URL of a database with the ledger's tables."""
    if database == "sqlite":
        return make_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.url(request.getfixturevalue("postgres_ledger"))


@pytest.fixture
def open_ledger(ledger_url: str) -> Iterator[Callable[[], Ledger]]:
    """Open the ledger as another process does, with connections of its own."""
    opened: list[Ledger] = []

    def open_one() -> Ledger:
        opened.append(Ledger(ledger_url, lease=LEASE))
        return opened[-1]

    yield open_one
    for ledger in opened:
        ledger.close()


@pytest.fixture
def ledger(open_ledger: Callable[[], Ledger]) -> Ledger:
    return open_ledger()


@pytest.fixture
def office(ledger: Ledger, clock: SettableClock) -> Office:
    return Office(ledger, clock)
