"""The ledger and the staging tables behind a pooler that mixes the transactions of its clients."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from support.pgbouncer import PgBouncer
from support.postgres import PostgresServer

from orders_sync.domain.steps import Step
from orders_sync.erp.staging import StagingErp
from orders_sync.errors import ConfigurationError
from orders_sync.ledger import Ledger
from orders_sync.ledger.engine import Database
from orders_sync.ledger.migrate import upgrade
from orders_sync.ledger.versions import require_current
from orders_sync.testing.clock import SettableClock
from orders_sync.testing.factories import make_order

STORE = "mystore"
THREADS = 6
#: More than a driver waits before it prepares a statement on the server.
ROUNDS = 12

BOUNDS = {
    "statement_timeout": "20s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "30s",
    "jit": "off",
    "TimeZone": "UTC",
}


@pytest.fixture
def url(pgbouncer: PgBouncer, postgres_database: str) -> str:
    """Give the URL of an empty database behind the pooler."""
    return pgbouncer.url(postgres_database)


@pytest.fixture
def pooled(url: str) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.close()


def shown(connection: sa.Connection, name: str) -> str:
    return str(connection.exec_driver_sql(f"SHOW {name}").scalar_one())


def test_a_ledger_is_made_and_used_by_many_at_once(url: str, clock: SettableClock) -> None:
    upgrade(url)
    ledger = Ledger(url, lease=timedelta(seconds=60))
    require_current(ledger.database)

    def work(thread: int) -> list[bool]:
        done = []
        for number in range(ROUNDS):
            order_id = f"{thread}-{number}"
            ledger.orders.look_again(STORE, order_id, now=clock())
            claim = ledger.orders.claim(STORE, order_id, Step.FETCH, owner="w", now=clock())
            done.append(claim is not None)
        return done

    with ThreadPoolExecutor(THREADS) as pool:
        done = list(pool.map(work, range(THREADS)))
    ledger.close()

    assert done == [[True] * ROUNDS] * THREADS


def test_orders_are_placed_in_staging_tables_by_many_at_once(url: str, tmp_path: Path) -> None:
    def work(thread: int) -> set[str]:
        numbers = (f"13{thread:06}{number:05}-01" for number in range(ROUNDS))
        return {erp.place_order(make_order(number)).reference for number in numbers}

    with closing(StagingErp(STORE, {"url": url}, tmp_path)) as erp:
        erp.pull(None)
        with ThreadPoolExecutor(THREADS) as pool:
            receipts = list(pool.map(work, range(THREADS)))

    assert [len(each) for each in receipts] == [ROUNDS] * THREADS


def test_a_transaction_has_its_bounds_and_leaves_none_to_other_clients(
    pooled: Database, url: str
) -> None:
    with pooled.writing() as connection:
        ours = {name: shown(connection, name) for name in BOUNDS}
    with psycopg.connect(url.replace("+psycopg", ""), prepare_threshold=None) as stranger:
        theirs = {name: stranger.execute(f"SHOW {name}").fetchone() for name in BOUNDS}

    assert ours == BOUNDS
    assert theirs["statement_timeout"] == ("0",)
    assert theirs["TimeZone"] == ("America/Sao_Paulo",)


def test_a_session_without_a_pooler_has_its_bounds_from_the_start(
    postgres: PostgresServer, postgres_database: str
) -> None:
    url = postgres.url(postgres_database)
    with closing(Database(url)) as database, database.reading() as connection:
        ours = {name: shown(connection, name) for name in BOUNDS}
        driver = connection.connection.driver_connection

    assert ours == BOUNDS
    assert driver is not None
    assert driver.prepare_threshold == 5


@pytest.mark.parametrize("threshold", ["0", "none"])
def test_the_url_may_say_when_statements_are_prepared(
    threshold: str, postgres: PostgresServer, postgres_database: str
) -> None:
    url = f"{postgres.url(postgres_database)}&prepare_threshold={threshold}"

    with closing(Database(url)) as database, database.reading() as connection:
        driver = connection.connection.driver_connection

    assert driver is not None
    assert driver.prepare_threshold == (None if threshold == "none" else 0)


def test_options_of_the_url_that_a_pooler_drops_are_refused(url: str) -> None:
    own = f"{url}&options=-c%20search_path%3Dshop"

    with (
        closing(Database(own)) as database,
        pytest.raises(ConfigurationError, match=r"ORDERS_SYNC_LEDGER_URL has options.*ALTER ROLE"),
        database.reading(),
    ):
        pass
