"""What belongs to a process is free when that is gone, and not before."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
import sqlalchemy as sa
from support.office import ORDER, STORE, Office

from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import Claim, CommandClaim, Step, StepResult
from orders_sync.errors import LeaseLost, LedgerUnavailable
from orders_sync.ledger import Ledger
from orders_sync.ledger.processes import SEEN_EVERY, SILENT_FOR, Postponed
from orders_sync.ledger.tables import cursors
from orders_sync.testing.clock import SettableClock

SILENCE = SILENT_FOR.total_seconds()
LENGTH = timedelta(seconds=600)


def see(ledger: Ledger, clock: SettableClock, *processes: str) -> None:
    for process in processes:
        ledger.processes.seen(
            process, node=f"{process}@host", queues=["orders", "erp"], threads=4, now=clock()
        )


def go_silent(office: Office, dead: str, *living: str) -> list[str]:
    """Let all processes be seen, then only those that live, until the other one is buried."""
    see(office.ledger, office.clock, dead, *living)
    office.clock.advance(SILENCE)
    see(office.ledger, office.clock, *living)
    return [*office.ledger.processes.bury(now=office.clock())]


def can_read(office: Office, order_id: str = ORDER) -> bool:
    taken = office.ledger.orders.claim(STORE, order_id, Step.FETCH, owner="new", now=office.clock())
    return taken is not None


def test_a_process_that_is_seen_lives_with_what_it_serves(
    ledger: Ledger, clock: SettableClock
) -> None:
    see(ledger, clock, "b", "a")
    clock.advance(SEEN_EVERY.total_seconds())
    ledger.processes.seen("b", node="b@host", queues=["erp"], threads=9, now=clock())

    first, second = ledger.processes.living(now=clock())

    assert (first.process, first.node, first.threads) == ("a", "a@host", 4)
    assert first.serves("orders")
    assert (second.process, second.threads, second.seen_at) == ("b", 9, clock())
    assert not second.serves("orders")


def test_a_process_that_is_silent_is_not_among_the_living(
    ledger: Ledger, clock: SettableClock
) -> None:
    see(ledger, clock, "a", "b")
    clock.advance(SILENCE)
    see(ledger, clock, "b")

    assert [each.process for each in ledger.processes.living(now=clock())] == ["b"]


def test_a_process_is_buried_once_and_not_before_it_is_silent_for_long(
    ledger: Ledger, clock: SettableClock
) -> None:
    see(ledger, clock, "dead")
    clock.advance(SILENCE - 0.1)
    early = ledger.processes.bury(now=clock())
    clock.advance(0.1)

    assert list(early) == []
    assert list(ledger.processes.bury(now=clock())) == ["dead"]
    assert list(ledger.processes.bury(now=clock())) == []


def test_an_order_of_a_dead_process_is_free_at_once(office: Office) -> None:
    office.ledger.orders.look_again(STORE, ORDER, now=office.clock())
    office.ledger.orders.claim(STORE, ORDER, Step.FETCH, owner="dead", now=office.clock())

    buried = go_silent(office, "dead", "alive")

    taken = office.ledger.due_work.take(STORE, Step.FETCH, limit=10, now=office.clock())
    assert buried == ["dead"]
    assert [each.order_id for each in taken] == [ORDER]
    assert can_read(office)


def test_an_order_of_a_living_process_stays_with_it(office: Office) -> None:
    office.ledger.orders.look_again(STORE, ORDER, now=office.clock())
    claim = office.ledger.orders.claim(STORE, ORDER, Step.FETCH, owner="alive", now=office.clock())
    assert claim is not None

    go_silent(office, "dead", "alive")

    assert not can_read(office)
    office.ledger.orders.complete(
        claim, StepResult(Standing.DONE), office.entry, now=office.clock()
    )


def test_a_command_of_a_dead_process_is_free_at_once(office: Office) -> None:
    command_id = office.ask("note", {"message": "hello"})
    office.claim(command_id, owner="dead")

    go_silent(office, "dead")

    [taken] = office.ledger.due_work.take(STORE, Step.SEND_NOTE, limit=10, now=office.clock())
    assert taken.command_id == command_id
    assert office.claim(command_id, owner="new").command_id == command_id


def test_a_command_of_a_living_process_stays_with_it(office: Office) -> None:
    command_id = office.ask("note", {"message": "hello"})
    office.claim(command_id, owner="alive")

    go_silent(office, "dead", "alive")

    due = office.ledger.due_work.take(STORE, Step.SEND_NOTE, limit=10, now=office.clock())
    assert due == []
    assert office.try_claim(command_id) is None


def test_a_command_whose_write_may_be_on_the_wire_is_free_when_that_is_over(
    office: Office,
) -> None:
    command_id = office.ask("invoice", {"number": "7", "value_cents": 999})
    claim = office.claim(command_id, owner="dead")
    until = office.clock() + timedelta(seconds=30)
    office.ledger.commands.intend(claim, "{}", now=office.clock(), write_until=until)

    go_silent(office, "dead")

    due = office.ledger.due_work.take(STORE, Step.SEND_INVOICE, limit=10, now=office.clock())
    assert due == []
    assert office.try_claim(command_id) is None
    office.clock.now = until
    [taken] = office.ledger.due_work.take(STORE, Step.SEND_INVOICE, limit=10, now=office.clock())
    assert taken.command_id == command_id
    assert office.claim(command_id, owner="new").intent == "{}"


def test_an_order_of_which_a_dead_process_had_written_is_read_when_that_is_over(
    office: Office,
) -> None:
    office.ledger.orders.look_again(STORE, ORDER, now=office.clock())
    claim = office.claim(office.ask("note", {"message": "hello"}), owner="dead")
    until = office.clock() + timedelta(seconds=30)
    office.ledger.commands.intend(claim, "{}", now=office.clock(), write_until=until)

    go_silent(office, "dead")

    assert not can_read(office)
    office.clock.now = until
    assert can_read(office)


def test_a_process_that_was_only_held_up_cannot_write_what_another_has(office: Office) -> None:
    command_id = office.ask("note", {"message": "hello"})
    stale = office.claim(command_id, owner="dead")
    go_silent(office, "dead")
    office.claim(command_id, owner="new")

    with pytest.raises(LeaseLost):
        office.ledger.commands.intend(
            stale, "{}", now=office.clock(), write_until=office.clock() + LENGTH
        )


def test_a_lease_of_a_dead_process_is_free_at_once(office: Office) -> None:
    leases, clock = office.ledger.leases, office.clock
    leases.take(STORE, "walk", "dead", clock(), LENGTH)
    leases.take(STORE, "listing", "alive", clock(), LENGTH)

    go_silent(office, "dead", "alive")

    assert leases.take(STORE, "walk", "new", clock(), LENGTH) is not None
    assert leases.take(STORE, "listing", "new", clock(), LENGTH) is None


def test_the_account_and_the_order_go_together(office: Office) -> None:
    """A living process has the same order id of another account."""
    for account in (STORE, "otherstore"):
        office.ledger.orders.look_again(account, ORDER, now=office.clock())
    office.ledger.orders.claim(STORE, ORDER, Step.FETCH, owner="dead", now=office.clock())
    office.ledger.orders.claim("otherstore", ORDER, Step.FETCH, owner="alive", now=office.clock())

    go_silent(office, "dead", "alive")

    taken = office.ledger.orders.claim(
        "otherstore", ORDER, Step.FETCH, owner="new", now=office.clock()
    )
    assert taken is None
    assert can_read(office)


def test_a_process_that_leaves_gives_everything_back(office: Office) -> None:
    see(office.ledger, office.clock, "leaving", "alive")
    office.ledger.orders.look_again(STORE, ORDER, now=office.clock())
    office.ledger.orders.claim(STORE, ORDER, Step.FETCH, owner="leaving", now=office.clock())
    office.ledger.leases.take(STORE, "walk", "leaving", office.clock(), LENGTH)

    office.ledger.processes.leave("leaving", now=office.clock())

    assert [each.process for each in office.ledger.processes.living(now=office.clock())] == [
        "alive"
    ]
    assert can_read(office)
    with office.ledger.database.reading() as connection:
        [lease] = connection.execute(sa.select(cursors)).all()
    assert (lease.lease_owner, lease.lease_until) == (None, office.clock())


def test_where_all_live_nobody_is_buried(office: Office) -> None:
    see(office.ledger, office.clock, "alive")

    assert list(office.ledger.processes.bury(now=office.clock())) == []


def claim_read(office: Office, order_id: str = ORDER) -> Claim:
    office.ledger.orders.look_again(STORE, order_id, now=office.clock())
    claim = office.ledger.orders.claim(STORE, order_id, Step.FETCH, owner="me", now=office.clock())
    assert claim is not None
    return claim


def give_up(office: Office, claim: Claim | CommandClaim, *, rest: float = 0.0) -> None:
    """Free a claim that nobody works on, after a rest of so many seconds."""
    at = office.clock() + timedelta(seconds=rest)
    office.ledger.processes.free_claim(claim, "me", at=at)


def test_an_order_that_is_given_up_can_be_taken_by_another(office: Office) -> None:
    give_up(office, claim_read(office))

    [taken] = office.ledger.due_work.take(STORE, Step.FETCH, limit=10, now=office.clock())
    assert taken.order_id == ORDER
    assert can_read(office)


def test_an_order_that_is_given_up_rests_for_as_long_as_is_said(office: Office) -> None:
    give_up(office, claim_read(office), rest=5)
    office.clock.advance(4.9)
    early = office.ledger.due_work.take(STORE, Step.FETCH, limit=10, now=office.clock())

    assert early == []
    assert not can_read(office)
    office.clock.advance(0.1)
    assert can_read(office)


def test_a_command_that_is_given_up_can_be_taken_by_another(office: Office) -> None:
    command_id = office.ask("note", {"message": "hello"})
    give_up(office, office.claim(command_id))

    [taken] = office.ledger.due_work.take(STORE, Step.SEND_NOTE, limit=10, now=office.clock())
    assert taken.command_id == command_id
    assert office.claim(command_id, owner="new").command_id == command_id


def test_a_write_that_is_given_up_is_left_alone_while_it_may_be_on_the_wire(
    office: Office,
) -> None:
    command_id = office.ask("invoice", {"number": "7", "value_cents": 999})
    claim = office.claim(command_id)
    until = office.clock() + timedelta(seconds=30)
    office.ledger.commands.intend(claim, "{}", now=office.clock(), write_until=until)

    give_up(office, claim)

    due = office.ledger.due_work.take(STORE, Step.SEND_INVOICE, limit=10, now=office.clock())
    assert due == []
    assert office.try_claim(command_id) is None
    office.clock.now = until
    assert office.claim(command_id, owner="new").intent == "{}"


def test_what_was_recorded_after_all_and_taken_again_is_not_given_up(office: Office) -> None:
    recorded = claim_read(office)
    office.ledger.orders.complete(
        recorded, StepResult(Standing.DONE), office.entry, now=office.clock()
    )
    claim_read(office)

    give_up(office, recorded)

    assert not can_read(office)


def test_of_two_orders_of_a_process_the_other_stays_with_it(office: Office) -> None:
    given_up, kept = claim_read(office), claim_read(office, "2-01")

    give_up(office, given_up)

    assert can_read(office)
    assert not can_read(office, kept.order_id)


class Away:
    """Writes to a ledger that may be away, in the order in which they were done."""

    def __init__(self) -> None:
        self.is_away = False
        self.done: list[str] = []

    def write(self, what: str) -> None:
        if self.is_away:
            raise LedgerUnavailable("away")
        self.done.append(what)


def test_postponed_writes_are_done_once_and_in_their_order() -> None:
    postponed, there = Postponed(), Away()
    for what in "ab":
        postponed.add(partial(there.write, what))

    assert (postponed.repeat(), postponed.repeat()) == (2, 0)
    assert there.done == ["a", "b"]


def test_postponed_writes_wait_while_the_ledger_is_away() -> None:
    postponed, there = Postponed(), Away()
    postponed.add(partial(there.write, "a"))
    there.is_away = True
    with pytest.raises(LedgerUnavailable):
        postponed.repeat()
    there.is_away = False

    assert postponed.repeat() == 1
    assert there.done == ["a"]


def test_a_postponed_write_that_fails_otherwise_keeps_none_back() -> None:
    postponed, there = Postponed(), Away()
    postponed.add(lambda: 1 / 0)
    postponed.add(partial(there.write, "b"))
    with pytest.raises(ZeroDivisionError):
        postponed.repeat()

    assert postponed.repeat() == 1
    assert there.done == ["b"]
