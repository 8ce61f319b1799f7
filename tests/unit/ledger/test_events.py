from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from orders_sync.domain.events import OrderEvent, UnreadableEvent
from orders_sync.domain.rules import Progress, Standing
from orders_sync.domain.steps import Dispatch, Step, StepResult
from orders_sync.ledger import Ledger
from orders_sync.ledger.journal import JournalLine
from orders_sync.testing.clock import SettableClock

STORE = "mystore"
EVENT = OrderEvent(
    order_id="953712004126-01",
    domain="Fulfillment",
    state="ready-for-handling",
    last_state="window-to-cancel",
    current_change="2019-08-12T20:54:23.7153839Z",
    event_id="ED423DDED4C1AE580CADAC1A4D02DA3F",
    handle="handle-1",
)
READ = Dispatch(STORE, EVENT.order_id, Step.FETCH)


def ripe(ledger: Ledger, clock: SettableClock, *, at_once: bool = False) -> Sequence[str]:
    return ledger.events.to_acknowledge(
        STORE, delivered_after=clock() - timedelta(seconds=235), limit=10, at_once=at_once
    )


def finish(ledger: Ledger, clock: SettableClock, result: StepResult) -> None:
    claim = ledger.orders.claim(STORE, EVENT.order_id, Step.FETCH, owner="w", now=clock())
    assert claim is not None
    entry = JournalLine(clock(), STORE, EVENT.order_id, "step.done")
    ledger.orders.complete(claim, result, entry, now=clock())


def test_a_new_event_has_its_order_read(ledger: Ledger, clock: SettableClock) -> None:
    recorded = ledger.events.record(STORE, [EVENT], now=clock())

    assert (list(recorded.dispatches), recorded.new) == ([READ], 1)


@pytest.mark.parametrize(
    "again",
    [
        pytest.param(EVENT, id="the very same"),
        pytest.param(replace(EVENT, handle="handle-2"), id="redelivered under a new handle"),
        pytest.param(replace(EVENT, event_id="other", handle="h2"), id="under another event id"),
    ],
)
def test_an_event_that_comes_again_dispatches_nothing(
    ledger: Ledger, clock: SettableClock, again: OrderEvent
) -> None:
    ledger.events.record(STORE, [EVENT], now=clock())

    recorded = ledger.events.record(STORE, [again], now=clock())

    assert (list(recorded.dispatches), recorded.new) == ([], 0)


def test_duplicates_inside_one_lot_are_one(ledger: Ledger, clock: SettableClock) -> None:
    recorded = ledger.events.record(
        STORE, [EVENT, replace(EVENT, handle="handle-2"), EVENT], now=clock()
    )

    assert (list(recorded.dispatches), recorded.new) == ([READ], 1)


def test_two_domains_of_one_order_read_it_once(ledger: Ledger, clock: SettableClock) -> None:
    other = replace(EVENT, domain="Marketplace", handle="handle-2")

    recorded = ledger.events.record(STORE, [EVENT, other], now=clock())

    assert (list(recorded.dispatches), recorded.new) == ([READ], 2)


def test_the_same_order_id_in_two_accounts_is_two_orders(
    ledger: Ledger, clock: SettableClock
) -> None:
    ledger.events.record(STORE, [EVENT], now=clock())

    recorded = ledger.events.record("otherstore", [EVENT], now=clock())

    assert list(recorded.dispatches) == [replace(READ, account="otherstore")]


def test_an_event_that_asks_nothing_makes_no_order_and_may_go_at_once(
    ledger: Ledger, clock: SettableClock
) -> None:
    recorded = ledger.events.record(STORE, [replace(EVENT, state="payment-pending")], now=clock())

    assert not recorded.dispatches
    assert ledger.inquiries.story(STORE, EVENT.order_id)[0] is None
    assert ripe(ledger, clock) == ["handle-1"]


def test_a_poison_event_is_parked_and_does_not_stop_its_lot(
    ledger: Ledger, clock: SettableClock
) -> None:
    recorded = ledger.events.record(
        STORE, [UnreadableEvent("poison", "orderId is missing"), EVENT], now=clock()
    )

    parked = ledger.inquiries.parked_events()
    assert list(recorded.dispatches) == [READ]
    assert [row["problem"] for row in parked] == ["orderId is missing"]
    assert ripe(ledger, clock) == ["poison"]


HEARD = replace(EVENT, event_id="", handle=None)


def test_what_the_hook_told_and_the_feed_tells_too_is_one_event(
    ledger: Ledger, clock: SettableClock
) -> None:
    first = ledger.events.record(STORE, [HEARD], now=clock())
    before = ripe(ledger, clock, at_once=True)
    second = ledger.events.record(STORE, [EVENT], now=clock())

    assert (list(first.dispatches), first.new) == ([READ], 1)
    assert (list(second.dispatches), second.new) == ([], 0)
    assert before == []
    assert ripe(ledger, clock, at_once=True) == ["handle-1"]


def test_a_hook_that_comes_after_the_feed_leaves_its_handle_as_it_is(
    ledger: Ledger, clock: SettableClock
) -> None:
    ledger.events.record(STORE, [EVENT], now=clock())
    clock.advance(300)
    ledger.events.record(STORE, [HEARD], now=clock())
    stale = ripe(ledger, clock, at_once=True)
    clock.advance(-300)
    fresh = ripe(ledger, clock, at_once=True)
    ledger.events.mark_acknowledged(STORE, ["handle-1"], now=clock())
    ledger.events.record(STORE, [HEARD], now=clock())

    assert (stale, fresh) == ([], ["handle-1"])
    assert ripe(ledger, clock, at_once=True) == []


def test_an_item_without_a_handle_is_recorded_and_never_acknowledged(
    ledger: Ledger, clock: SettableClock
) -> None:
    for _ in range(3):
        ledger.events.record(STORE, [UnreadableEvent(None, "handle is missing")], now=clock())

    assert len(ledger.inquiries.parked_events()) == 1
    assert not ripe(ledger, clock)


@pytest.mark.parametrize(
    ("result", "goes"),
    [
        pytest.param(StepResult(Standing.DONE), True, id="handled"),
        pytest.param(StepResult(Standing.VOID), True, id="cancelled"),
        pytest.param(StepResult(Standing.PARKED, Step.FETCH, cause="c"), True, id="parked"),
        pytest.param(
            StepResult(Standing.WAITING, Step.FETCH, Progress.FETCHED, due_in=60),
            True,
            id="VTEX has not decided",
        ),
        pytest.param(StepResult(Standing.ACTIVE, Step.HAND_OVER), False, id="on its way"),
        pytest.param(
            StepResult(Standing.WAITING, Step.HAND_OVER, Progress.FETCHED, due_in=60),
            False,
            id="the ERP is away",
        ),
    ],
)
def test_an_event_is_held_until_its_order_is_handled_or_parked(
    ledger: Ledger, clock: SettableClock, result: StepResult, goes: bool
) -> None:
    ledger.events.record(STORE, [EVENT], now=clock())

    finish(ledger, clock, result)

    assert bool(ripe(ledger, clock)) is goes


def test_recorded_is_enough_where_it_is_asked_for(ledger: Ledger, clock: SettableClock) -> None:
    ledger.events.record(STORE, [EVENT], now=clock())

    assert ripe(ledger, clock, at_once=True) == ["handle-1"]


def test_a_stale_handle_is_not_committed_and_a_fresh_one_takes_its_place(
    ledger: Ledger, clock: SettableClock
) -> None:
    ledger.events.record(STORE, [EVENT], now=clock())
    clock.advance(240)
    stale = ripe(ledger, clock, at_once=True)

    ledger.events.record(STORE, [replace(EVENT, handle="handle-2")], now=clock())

    assert not stale
    assert ripe(ledger, clock, at_once=True) == ["handle-2"]


def test_what_was_acknowledged_is_acknowledged_again_only_if_it_comes_again(
    ledger: Ledger, clock: SettableClock
) -> None:
    ledger.events.record(STORE, [EVENT], now=clock())
    ledger.events.mark_acknowledged(STORE, ["handle-1"], now=clock())
    before = ripe(ledger, clock, at_once=True)

    ledger.events.record(STORE, [replace(EVENT, handle="handle-2")], now=clock())

    assert not before
    assert ripe(ledger, clock, at_once=True) == ["handle-2"]


def test_a_commit_says_nothing_about_a_delivery_that_came_meanwhile(
    ledger: Ledger, clock: SettableClock
) -> None:
    ledger.events.record(STORE, [EVENT], now=clock())
    ledger.events.record(STORE, [replace(EVENT, handle="handle-2")], now=clock())

    ledger.events.mark_acknowledged(STORE, ["handle-1"], now=clock())

    assert ripe(ledger, clock, at_once=True) == ["handle-2"]


def test_orders_in_flight_are_those_being_worked_on(ledger: Ledger, clock: SettableClock) -> None:
    lot = [replace(EVENT, order_id=f"{number}-01") for number in range(3)]
    ledger.events.record(STORE, [*lot, EVENT], now=clock())

    finish(ledger, clock, StepResult(Standing.WAITING, Step.FETCH, Progress.FETCHED, due_in=60))

    assert ledger.events.in_flight(STORE) == 3
    assert ledger.events.in_flight("otherstore") == 0
