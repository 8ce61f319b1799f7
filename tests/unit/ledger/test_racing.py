"""Threads with connections of their own that want the same rows of the ledger at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

import pytest
from support.office import ORDER, STORE, Office

from orders_sync.domain.commands import Command
from orders_sync.domain.events import OrderEvent
from orders_sync.domain.steps import Dispatch, Step
from orders_sync.ledger import Ledger
from orders_sync.ledger.wakeups import DISPATCHED_FOR
from orders_sync.outbound.accept import Intake, accept
from orders_sync.testing.clock import SettableClock

THREADS = 6
ORDERS = 24

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


def test_due_work_that_many_take_at_once_goes_to_one_and_no_more_than_asked_for(
    race: Race[list[int]], ledger: Ledger, clock: SettableClock
) -> None:
    order_ids = make_orders(ledger, clock)
    clock.advance(DISPATCHED_FOR.total_seconds())
    picked: list[str] = []

    def take_all(mine: Ledger, _: int) -> list[int]:
        sizes = []
        while taken := mine.due_work.take(STORE, Step.FETCH, limit=3, now=clock()):
            picked.extend(each.order_id for each in taken)
            sizes.append(len(taken))
        return sizes

    sizes = race(take_all)

    left = ledger.due_work.take(STORE, Step.FETCH, limit=ORDERS, now=clock())
    assert max(size for some in sizes for size in some) <= 3
    assert Counter([*picked, *(each.order_id for each in left)]) == Counter(order_ids)


def test_a_command_that_many_claim_at_once_goes_to_one(
    race: Race[list[Dispatch]], office: Office, clock: SettableClock
) -> None:
    messages = [
        office.message(
            office.ask("invoice", {"number": f"{n}", "value_cents": 1}, order_id=f"{n}-01")
        )
        for n in range(ORDERS)
    ]

    def claim_all(mine: Ledger, number: int) -> list[Dispatch]:
        return [
            each
            for each in turned(messages, number)
            if mine.commands.claim(each, owner=f"{number}", now=clock())
        ]

    claimed = race(claim_all)

    assert Counter(each for some in claimed for each in some) == Counter(messages)


def test_of_two_commands_of_one_line_nobody_gets_the_later_however_many_claim(
    race: Race[list[Dispatch]], office: Office, clock: SettableClock
) -> None:
    first = office.message(office.ask("invoice", {"number": "1", "value_cents": 1}))
    second = office.message(office.ask("invoice", {"number": "2", "value_cents": 1}))

    def claim_both(mine: Ledger, number: int) -> list[Dispatch]:
        return [
            each
            for each in turned([first, second], number)
            if mine.commands.claim(each, owner=f"{number}", now=clock())
        ]

    claimed = race(claim_both)

    assert [each for some in claimed for each in some] == [first]


def test_an_event_that_comes_to_many_at_once_is_new_to_one(
    race: Race[list[str]], ledger: Ledger, clock: SettableClock
) -> None:
    def record(mine: Ledger, number: int) -> list[str]:
        mine.windows.account = ORDERS
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
        intake = Intake(mine, clock, lambda: f"{number:032x}", lambda _: None, 10_000)
        command = Command("invoice", ORDER, {"number": "7", "value_cents": 999}, None)
        accepted = accept(command, account=STORE, source="service", intake=intake)
        return accepted.command_id, accepted.is_new

    answers = race(ask)

    kept = ledger.inquiries.list_commands(account=STORE, order_id=ORDER)
    assert [is_new for _, is_new in answers].count(True) == 1
    assert {command_id for command_id, _ in answers} == {row["id"] for row in kept}
