"""How much is dispatched at once; what finds no room is due, and is found later."""

from __future__ import annotations

import pytest
from support.office import STORE, Office
from unit.ledger.test_racing import event

from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import Dispatch, Step, StepResult
from orders_sync.ledger import Ledger
from orders_sync.ledger.due_work import Due
from orders_sync.ledger.journal import JournalLine
from orders_sync.ledger.wakeups import DISPATCHED_FOR, Windows
from orders_sync.testing.clock import SettableClock

OTHER = "otherstore"


def record(
    ledger: Ledger, clock: SettableClock, *numbers: int, account: str = STORE
) -> list[Dispatch]:
    lot = [event(number, f"handle-{number}") for number in numbers]
    return [*ledger.events.record(account, lot, now=clock()).dispatches]


def test_an_account_has_no_more_reads_under_way_than_its_window(
    ledger: Ledger, clock: SettableClock
) -> None:
    ledger.windows.account = 3

    first = record(ledger, clock, 1, 2)
    second = record(ledger, clock, 3, 4, 5)
    third = record(ledger, clock, 6)

    assert [len(first), len(second), len(third)] == [2, 1, 0]
    assert ledger.due_work.find(now=clock()) == [Due(STORE, "orders.fetch", clock())]
    left = ledger.due_work.take(STORE, Step.FETCH, limit=10, now=clock())
    assert sorted(each.order_id for each in left) == ["04-01", "05-01", "06-01"]


def test_all_accounts_share_the_window_of_all(ledger: Ledger, clock: SettableClock) -> None:
    ledger.windows.total = 3

    mine = record(ledger, clock, 1, 2)
    theirs = record(ledger, clock, 1, 2, account=OTHER)

    assert [len(mine), len(theirs)] == [2, 1]
    assert len(ledger.due_work.take(OTHER, Step.FETCH, limit=10, now=clock())) == 1


def test_a_window_that_was_made_smaller_than_what_is_under_way_has_no_room(
    ledger: Ledger, clock: SettableClock
) -> None:
    record(ledger, clock, 1, 2, 3)
    ledger.windows.account = 1

    assert record(ledger, clock, 4) == []


def test_what_workers_have_in_hand_counts_and_what_is_finished_does_not(office: Office) -> None:
    ledger, clock = office.ledger, office.clock
    ledger.windows.account = 1
    command_id = office.ask("note", {"message": "hello"})
    office.claim(command_id)
    clock.advance(DISPATCHED_FOR.total_seconds())

    during = record(ledger, clock, 1)
    clock.advance(60)
    office.finish(command_id)

    assert during == []
    assert len(record(ledger, clock, 2)) == 1


def test_lost_messages_give_their_room_back(ledger: Ledger, clock: SettableClock) -> None:
    ledger.windows.account = 1
    record(ledger, clock, 1)

    clock.advance(DISPATCHED_FOR.total_seconds())

    assert len(record(ledger, clock, 2)) == 1


def test_a_read_that_found_no_room_is_claimed_all_the_same(
    ledger: Ledger, clock: SettableClock
) -> None:
    ledger.windows.account = 0
    record(ledger, clock, 1)

    assert ledger.orders.claim(STORE, "01-01", Step.FETCH, owner="a", now=clock()) is not None


def test_a_cancellation_is_dispatched_at_once_however_full_its_account_is(office: Office) -> None:
    office.ledger.windows.account = 0
    office.ask("invoice", {"number": "7", "value_cents": 999})
    cancel = office.ask("cancel", {"reason": "fraud"}, order_id="another-01")

    assert [dispatch.command_id for dispatch in office.dispatched] == [cancel]


def test_cancellations_share_the_window_of_all(office: Office) -> None:
    office.ledger.windows.total = 1
    for number in range(3):
        office.ask("cancel", {"reason": "fraud"}, order_id=f"{number}-01")

    assert len(office.dispatched) == 1


@pytest.mark.parametrize(
    ("under_way", "windows", "goes_on"),
    [
        pytest.param(1, Windows(account=2, threads=2), True, id="room"),
        pytest.param(2, Windows(account=2, threads=9), False, id="its account has its share"),
        pytest.param(2, Windows(account=9, threads=2), False, id="messages wait for threads"),
    ],
)
def test_a_thread_goes_on_with_the_longest_due_order_where_nobody_waits_for_it(
    ledger: Ledger, clock: SettableClock, under_way: int, windows: Windows, goes_on: bool
) -> None:
    ledger.windows.account = under_way + 1
    record(ledger, clock, *range(1, under_way + 2))
    done = ledger.orders.claim(STORE, "01-01", Step.FETCH, owner="me", now=clock())
    assert done is not None
    clock.advance(1)
    record(ledger, clock, 8)
    record(ledger, clock, 9)
    entry = JournalLine(clock(), STORE, "01-01", "step.done")
    ledger.orders.complete(done, StepResult(Standing.DONE), entry, now=clock())
    ledger.windows.account, ledger.windows.threads = windows.account, windows.threads

    claim = ledger.orders.claim_next(done, Step.FETCH, owner="me", now=clock())

    assert (claim and claim.order_id) == ("08-01" if goes_on else None)
