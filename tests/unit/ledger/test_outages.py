"""What becomes of the ledger's work when its server is cut off, restarted, stopped or blocked."""

from __future__ import annotations

import os
import signal
from contextlib import closing

import pytest
import sqlalchemy as sa
from support.postgres import PostgresServer

from orders_sync.domain.steps import Dispatch, Step
from orders_sync.errors import LedgerUnavailable
from orders_sync.ledger import Ledger
from orders_sync.ledger.engine import Database
from orders_sync.ledger.tables import orders
from orders_sync.testing.clock import SettableClock

pytestmark = pytest.mark.parametrize("database", ["postgresql"], indirect=True)

STORE, ORDER = "mystore", "1-01"
READ = [Dispatch(STORE, ORDER, Step.FETCH)]


def name_of(ledger_url: str) -> str:
    return sa.make_url(ledger_url).database or ""


def test_a_connection_that_is_cut_within_a_transaction_is_a_wait_and_nothing_was_written(
    ledger: Ledger, ledger_url: str, clock: SettableClock, postgres: PostgresServer
) -> None:
    ledger.orders.look_again(STORE, ORDER, now=clock())

    def write_twice() -> None:
        with ledger.database.writing() as connection:
            connection.execute(sa.update(orders).values(attempts=7))
            postgres.cut(name_of(ledger_url))
            connection.execute(sa.update(orders).values(attempts=8))

    with pytest.raises(LedgerUnavailable, match="AdminShutdown"):
        write_twice()

    claim = ledger.orders.claim(STORE, ORDER, Step.FETCH, owner="a", now=clock())
    assert claim is not None
    assert claim.attempts == 0


def test_connections_that_were_cut_while_idle_are_replaced_unseen(
    ledger: Ledger, ledger_url: str, clock: SettableClock, postgres: PostgresServer
) -> None:
    ledger.orders.look_again(STORE, ORDER, now=clock())

    postgres.cut(name_of(ledger_url))

    assert ledger.orders.look_again(STORE, ORDER, now=clock()) == READ


def test_a_server_that_is_away_is_a_wait_until_it_is_back(
    ledger: Ledger, clock: SettableClock, postgres: PostgresServer
) -> None:
    ledger.orders.look_again(STORE, ORDER, now=clock())

    with postgres.stopped():
        with pytest.raises(LedgerUnavailable, match="ORDERS_SYNC_LEDGER_URL"):
            ledger.orders.look_again(STORE, ORDER, now=clock())
        with pytest.raises(LedgerUnavailable, match="ORDERS_SYNC_LEDGER_URL"):
            ledger.orders.document(STORE, ORDER)

    assert ledger.orders.look_again(STORE, ORDER, now=clock()) == READ


def test_a_server_that_is_silent_is_given_up(ledger_url: str) -> None:
    def ask_a_stopped_one(database: Database) -> None:
        with database.writing() as connection:
            backend = connection.execute(sa.func.pg_backend_pid()).scalar_one()
            os.kill(backend, signal.SIGSTOP)
            try:
                connection.execute(sa.select(orders))
            finally:
                os.kill(backend, signal.SIGCONT)

    with closing(Database(ledger_url, seconds=0.5)) as database:
        with pytest.raises(LedgerUnavailable):
            ask_a_stopped_one(database)
        with database.reading() as connection:
            found = connection.execute(sa.select(orders)).all()

    assert found == []


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        pytest.param(sa.select(sa.func.pg_sleep(60)), "QueryCanceled", id="it takes too long"),
        pytest.param(
            sa.select(orders).with_for_update(), "LockNotAvailable", id="another holds the row"
        ),
    ],
)
def test_a_statement_that_does_not_end_is_a_wait(
    statement: sa.Select[tuple[object]],
    kind: str,
    ledger: Ledger,
    ledger_url: str,
    clock: SettableClock,
) -> None:
    ledger.orders.look_again(STORE, ORDER, now=clock())

    with (
        ledger.database.writing() as holder,
        closing(Database(ledger_url, seconds=0.2)) as database,
    ):
        holder.execute(sa.select(orders).with_for_update())
        with pytest.raises(LedgerUnavailable, match=kind), database.writing() as connection:
            connection.execute(statement)


def test_a_server_that_became_a_standby_is_a_wait(ledger: Ledger) -> None:
    def write_on_a_standby() -> None:
        with ledger.database.writing() as connection:
            connection.execute(sa.text("SET TRANSACTION READ ONLY"))
            connection.execute(sa.update(orders).values(attempts=7))

    with pytest.raises(LedgerUnavailable, match="ReadOnlySqlTransaction"):
        write_on_a_standby()
