"""What a tick costs does not grow with what merely waits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from support.full_ledger import (
    STORE,
    fill,
    fill_events,
    fill_waiting,
    gather_statistics,
    park_invoices,
)
from unit.ledger.test_indices import nodes_of

from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import Step
from orders_sync.ledger import Ledger
from orders_sync.ledger.deliveries import Attempt, DeliveryResult
from orders_sync.ledger.endpoints import Endpoint
from orders_sync.ledger.journal import Act
from orders_sync.ledger.searches import CommandSearch, PageEnd

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
WAITING = 100_000
TAKEN = 20
#: Of events, each order's first is taken, and all the others wait behind these.
LINES = TAKEN
PARKED = 20_000

#: SQLite's instructions and PostgreSQL's rows: of a few hundred rows, and far from all.
BOUND = 10_000


@pytest.fixture
def waiting(ledger: Ledger) -> Ledger:
    """Give a ledger in which one account has very many due commands, and some under way."""
    fill_waiting(ledger.database, commands=WAITING, now=NOW)
    gather_statistics(ledger.database)
    taken = ledger.due_work.take(STORE, Step.SEND_INVOICE, limit=TAKEN, now=NOW)
    assert len(taken) == TAKEN
    return ledger


@contextmanager
def effort(ledger: Ledger) -> Iterator[list[int]]:
    """Count what the database goes through for each statement."""
    spent: list[int] = []
    engine = ledger.database.engine

    def count_sqlite(connection: sa.Connection, *_: Any) -> None:
        driver: Any = connection.connection.driver_connection
        spent.append(0)

        def tick() -> int:
            spent[-1] += 100
            return 0

        driver.set_progress_handler(tick, 100)

    def count_postgresql(
        connection: sa.Connection, _: Any, statement: str, given: Any, *__: Any
    ) -> None:
        driver: Any = connection.connection.driver_connection
        # What it does to find out is done again by the statement itself.
        with driver.transaction(force_rollback=True), driver.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, TIMING off, FORMAT JSON) {statement}", given)
            [[plan]] = cursor.fetchone()
        spent.append(sum(map(rows_of, nodes_of(plan["Plan"]))))

    count = {"sqlite": count_sqlite, "postgresql": count_postgresql}[engine.dialect.name]
    sa.event.listen(engine, "before_cursor_execute", count)
    yield spent
    sa.event.remove(engine, "before_cursor_execute", count)


def rows_of(node: Mapping[str, Any]) -> int:
    rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    return int(rows * node["Actual Loops"])


def find(ledger: Ledger) -> None:
    [due] = ledger.due_work.find(now=NOW)
    assert (due.account, due.step) == (STORE, "invoice.send")


def count_what_is_under_way(ledger: Ledger) -> None:
    assert ledger.due_work.under_way(now=NOW) == {(STORE, "invoice.send"): TAKEN}


def take(ledger: Ledger) -> None:
    taken = ledger.due_work.take(STORE, Step.SEND_INVOICE, limit=TAKEN, now=NOW)
    assert len(taken) == TAKEN


def take_what_nobody_needs(ledger: Ledger) -> None:
    assert ledger.due_work.take(STORE, Step.FETCH, limit=TAKEN, now=NOW) == []


def measure_the_room(ledger: Ledger) -> None:
    with ledger.database.reading() as connection:
        room = ledger.windows.room(connection, STORE, NOW)
    assert room == ledger.windows.account - TAKEN


def test_a_tick_reads_few_rows_however_many_wait(waiting: Ledger) -> None:
    spent_by = {}

    for act in (find, count_what_is_under_way, measure_the_room, take, take_what_nobody_needs):
        with effort(waiting) as spent:
            act(waiting)
        spent_by[act.__name__] = max(spent)

    assert {name: most for name, most in spent_by.items() if most >= BOUND} == {}


@pytest.fixture
def failing(ledger: Ledger) -> Ledger:
    """Give a ledger whose endpoint fails for every order: behind each head, many events wait."""
    ledger.endpoints.add(
        Endpoint("ep_1", "https://a.example/", None, None, "whsec_c2VjcmV0", NOW), Act(NOW, "me")
    )
    fill_events(ledger.database, "ep_1", events=WAITING, lines=LINES, due=NOW, now=NOW)
    gather_statistics(ledger.database)
    return ledger


def test_taking_events_reads_few_rows_however_many_wait_behind_their_orders_first(
    failing: Ledger,
) -> None:
    deliveries, later = failing.deliveries, NOW + timedelta(minutes=5)
    with effort(failing) as spent:
        heads = deliveries.take("ep_1", at_once=TAKEN, limit=TAKEN, now=NOW)
    at_first = max(spent)
    for seq in heads:
        delivery = deliveries.claim("ep_1", seq, owner="me", now=NOW)
        assert delivery is not None
        deliveries.end(delivery, Attempt(NOW, 0.1, "400"), DeliveryResult(due_at=later), now=NOW)

    with effort(failing) as spent:
        assert deliveries.due(now=NOW) == []
        assert deliveries.take("ep_1", at_once=TAKEN, limit=TAKEN, now=NOW) == []
    while_they_wait = max(spent)
    with effort(failing) as spent:
        assert deliveries.due(now=later) == ["ep_1"]
        assert len(deliveries.take("ep_1", at_once=TAKEN, limit=TAKEN, now=later)) == 1

    assert len(heads) == TAKEN
    assert max(at_first, while_they_wait, *spent) < BOUND


@pytest.mark.parametrize("cause", ["vtex.unavailable", None])
def test_a_page_of_what_is_parked_reads_few_rows_however_many_are(
    ledger: Ledger, cause: str | None
) -> None:
    fill(ledger.database, orders=PARKED, now=NOW)
    gather_statistics(ledger.database)
    park_invoices(ledger.database, "vtex.unavailable", number=PARKED)
    gather_statistics(ledger.database)
    search = CommandSearch(accounts=[STORE], standing=Standing.PARKED, cause=cause)

    with effort(ledger) as spent:
        [*_, last] = ledger.searches.latest_commands(search, limit=50)
        end = PageEnd(last["updated_at"], last["id"])
        assert len(ledger.searches.latest_commands(search, limit=50, after=end)) == 50

    assert max(spent) < BOUND
