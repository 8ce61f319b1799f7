"""Threads with connections of their own that want the same rows of the ledger at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import TypeVar

import pytest
from support.office import ORDER, STORE

from orders_sync.domain.commands import Command
from orders_sync.domain.events import OrderEvent
from orders_sync.domain.steps import Step
from orders_sync.ledger import Ledger
from orders_sync.outbound.accept import Desk, accept
from orders_sync.testing.clock import SettableClock

THREADS = 6
ORDERS = 24
NOTHING = timedelta(0)

Found = TypeVar("Found")


@pytest.fixture
def race(open_ledger: Callable[[], Ledger]) -> Callable[..., list[object]]:
    """Run something at once in threads, each with a ledger and a number of its own."""

    def run(act: Callable[[Ledger, int], Found]) -> list[Found]:
        ledgers = [open_ledger() for _ in range(THREADS)]
        barrier = Barrier(THREADS)

        def one(number: int) -> Found:
            barrier.wait(30)
            return act(ledgers[number], number)

        with ThreadPoolExecutor(THREADS) as pool:
            return list(pool.map(one, range(THREADS)))

    return run


Race = Callable[[Callable[[Ledger, int], Found]], list[Found]]


def make_orders(ledger: Ledger, clock: SettableClock) -> list[str]:
    order_ids = [f"{number:02d}-01" for number in range(ORDERS)]
    for order_id in order_ids:
        ledger.orders.look_again(STORE, order_id, now=clock())
    return order_ids


def event(number: int, handle: str) -> OrderEvent:
    return OrderEvent(
        order_id=f"{number:02d}-01",
        domain="Fulfillment",
        state="ready-for-handling",
        last_state="window-to-cancel",
        current_change="2026-11-27T12:00:00Z",
        event_id=f"E{number}",
        handle=handle,
    )


def turned(items: Sequence[Found], number: int) -> list[Found]:
    """Give the items in an order of each thread's own."""
    turn = number * len(items) // THREADS
    found = [*items[turn:], *items[:turn]]
    return found[::-1] if number % 2 else found


def test_each_order_is_claimed_by_one(
    race: Race[list[str]], ledger: Ledger, clock: SettableClock
) -> None:
    order_ids = make_orders(ledger, clock)

    def claim_all(mine: Ledger, number: int) -> list[str]:
        return [
            each
            for each in turned(order_ids, number)
            if mine.orders.claim(STORE, each, Step.FETCH, owner=f"{number}", now=clock())
        ]

    claimed = race(claim_all)

    assert Counter(each for some in claimed for each in some) == Counter(order_ids)


def test_sweeps_at_once_pick_each_order_once_and_no_more_than_their_limit(
    race: Race[list[int]], ledger: Ledger, clock: SettableClock
) -> None:
    order_ids = make_orders(ledger, clock)
    clock.advance(60)
    picked: list[str] = []

    def sweep(mine: Ledger, _: int) -> list[int]:
        sizes = []
        while due := mine.orders.take_due(now=clock(), grace=NOTHING, limit=3):
            picked.extend(each.order_id for each in due)
            sizes.append(len(due))
        return sizes

    sizes = race(sweep)

    left = ledger.orders.take_due(now=clock(), grace=NOTHING, limit=ORDERS)
    assert max(size for some in sizes for size in some) <= 3
    assert Counter([*picked, *(each.order_id for each in left)]) == Counter(order_ids)


def test_an_event_that_comes_to_many_at_once_is_new_to_one(
    race: Race[list[str]], ledger: Ledger, clock: SettableClock
) -> None:
    def record(mine: Ledger, number: int) -> list[str]:
        lot = [event(each, f"handle-{each}-{number}") for each in range(ORDERS)]
        recorded = mine.events.record(STORE, turned(lot, number), now=clock())
        return [each.order_id for each in recorded.dispatches] if recorded.new else []

    dispatched = race(record)

    heard = [ledger.inquiries.story(STORE, f"{each:02d}-01")[1] for each in range(ORDERS)]
    assert Counter(each for some in dispatched for each in some) == Counter(
        f"{each:02d}-01" for each in range(ORDERS)
    )
    assert [[row["deliveries"] for row in rows] for rows in heard] == [[THREADS]] * ORDERS


def test_a_command_that_is_asked_for_by_many_at_once_is_accepted_once(
    race: Race[tuple[str, bool]], ledger: Ledger, clock: SettableClock
) -> None:
    def ask(mine: Ledger, number: int) -> tuple[str, bool]:
        desk = Desk(mine, clock, lambda: f"{number:032x}", lambda _: None, 10_000)
        command = Command("invoice", ORDER, {"number": "7", "value_cents": 999}, None)
        accepted = accept(command, account=STORE, source="service", desk=desk)
        return accepted.command_id, accepted.is_new

    answers = race(ask)

    kept = ledger.inquiries.list_commands(account=STORE, order_id=ORDER)
    assert [is_new for _, is_new in answers].count(True) == 1
    assert {command_id for command_id, _ in answers} == {row["id"] for row in kept}
