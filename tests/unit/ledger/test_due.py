"""When the sweep puts back what a dead worker left, and what only waits for its message."""

from __future__ import annotations

from datetime import timedelta

from support.office import Office

from orders_sync.domain.steps import Dispatch, Step
from orders_sync.ledger import Ledger
from orders_sync.ledger.journal import Entry
from orders_sync.testing.clock import SettableClock

STORE, ORDER = "mystore", "1172452900788-01"
LEASE_SECONDS, GRACE = 60, timedelta(seconds=3)


def take_due(ledger: Ledger, clock: SettableClock) -> list[Dispatch]:
    taken = [ledger.orders.take_due, ledger.commands.take_due]
    return [due for take in taken for due in take(now=clock(), grace=GRACE, limit=10)]


def test_an_order_of_a_dead_worker_is_due_as_soon_as_its_lease_ends(
    ledger: Ledger, clock: SettableClock
) -> None:
    ledger.orders.look_again(STORE, ORDER, now=clock())
    ledger.orders.claim(STORE, ORDER, Step.FETCH, owner="dead", now=clock())

    clock.advance(LEASE_SECONDS - 1)
    before = take_due(ledger, clock)
    clock.advance(1)

    assert before == []
    assert take_due(ledger, clock) == [Dispatch(STORE, ORDER, Step.FETCH)]


def test_a_command_of_a_dead_worker_is_due_as_soon_as_its_lease_ends(
    office: Office, clock: SettableClock
) -> None:
    command_id = office.ask("note", {"message": "hello"})
    office.ledger.commands.claim(command_id, Step.SEND_NOTE, owner="dead", now=clock())

    clock.advance(LEASE_SECONDS - 1)
    before = take_due(office.ledger, clock)
    clock.advance(1)
    due = take_due(office.ledger, clock)

    assert before == []
    assert [each.command_id for each in due] == [command_id]


def test_what_waits_leaves_its_message_the_time_to_arrive(
    ledger: Ledger, clock: SettableClock
) -> None:
    ledger.orders.look_again(STORE, ORDER, now=clock())
    claim = ledger.orders.claim(STORE, ORDER, Step.FETCH, owner="a", now=clock())
    assert claim is not None
    ledger.orders.defer(
        claim,
        Entry(clock(), STORE, ORDER, "step.failed"),
        due_at=clock() + timedelta(seconds=2),
        cause="vtex.unavailable",
        reason="VTEX answered 503",
        counts=True,
        now=clock(),
    )

    clock.advance(4)
    before = take_due(ledger, clock)
    clock.advance(1)

    assert before == []
    assert take_due(ledger, clock) == [Dispatch(STORE, ORDER, Step.FETCH)]
