"""What is due is found by account and step, and taken fairly, however much waits."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from support.office import ORDER, STORE, Office

from orders_sync.domain.steps import Dispatch, Step
from orders_sync.ledger import Ledger
from orders_sync.ledger.due_work import Due
from orders_sync.ledger.journal import JournalLine
from orders_sync.ledger.tables import commands, orders
from orders_sync.ledger.wakeups import DISPATCHED_FOR
from orders_sync.testing.clock import SettableClock

OTHER = "otherstore"


def seen(ledger: Ledger, clock: SettableClock, *order_ids: str, account: str = STORE) -> None:
    for order_id in order_ids:
        ledger.orders.look_again(account, order_id, now=clock())
        clock.advance(1)


def take(
    ledger: Ledger, clock: SettableClock, step: Step = Step.FETCH, *, limit: int = 10
) -> list[Dispatch]:
    return ledger.due_work.take(STORE, step, limit=limit, now=clock())


def ids(taken: list[Dispatch]) -> list[str]:
    return sorted(each.order_id for each in taken)


def defer(ledger: Ledger, order_id: str, *, now: datetime, seconds: float) -> None:
    claim = ledger.orders.claim(STORE, order_id, Step.FETCH, owner="a", now=now)
    assert claim is not None
    ledger.orders.defer(
        claim,
        JournalLine(now, STORE, order_id, "step.failed"),
        due_at=now + timedelta(seconds=seconds),
        cause="c",
        reason="r",
        counts=True,
        now=now,
    )


def change(ledger: Ledger, table: sa.Table, **values: Any) -> None:
    with ledger.database.writing() as connection:
        connection.execute(sa.update(table).values(**values))


def test_an_empty_ledger_has_nothing_due(ledger: Ledger, clock: SettableClock) -> None:
    assert ledger.due_work.find(now=clock()) == []
    assert ledger.due_work.under_way(now=clock()) == Counter()
    assert take(ledger, clock) == []


def test_due_work_is_listed_by_account_and_step_with_the_first_time(
    office: Office, clock: SettableClock
) -> None:
    ledger = office.ledger
    began = clock()
    seen(ledger, clock, "1-01", "2-01", "3-01")
    seen(ledger, clock, "1-01", account=OTHER)
    for kind, body in (("note", {"message": "a"}), ("cancel", {"reason": "b"})):
        office.ask(kind, body, order_id="9-01")

    due = ledger.due_work.find(now=clock())

    asked_at = began + timedelta(seconds=5)
    assert sorted(due, key=lambda each: (each.account, each.step)) == [
        Due(STORE, "cancel.send", asked_at + timedelta(seconds=1)),
        Due(STORE, "orders.fetch", began),
        Due(STORE, "tracking.note", asked_at),
        Due(OTHER, "orders.fetch", began + timedelta(seconds=3)),
    ]


def test_what_waits_is_not_listed_before_its_time(ledger: Ledger, clock: SettableClock) -> None:
    seen(ledger, clock, ORDER)
    defer(ledger, ORDER, now=clock(), seconds=60)

    early = ledger.due_work.find(now=clock())
    clock.advance(60)

    assert early == []
    assert ledger.due_work.find(now=clock()) == [Due(STORE, "orders.fetch", clock())]


def test_what_stands_in_line_or_is_parked_is_not_listed(office: Office) -> None:
    first = office.ask("change", {"reason": "x", "manual_discount_cents": 1})
    office.ask("invoice", {"number": "7", "value_cents": 1})
    office.park(office.ask("note", {"message": "a"}))
    office.defer(first, 600)

    assert office.ledger.due_work.find(now=office.clock()) == []


def test_the_longest_due_are_taken_first_and_no_more_than_asked_for(
    ledger: Ledger, clock: SettableClock
) -> None:
    seen(ledger, clock, "3-01", "1-01", "2-01")
    clock.advance(10)

    first = take(ledger, clock, limit=2)
    second = take(ledger, clock, limit=2)

    assert (ids(first), ids(second)) == (["1-01", "3-01"], ["2-01"])
    assert take(ledger, clock) == []


def test_orders_and_commands_of_one_step_share_the_limit(
    office: Office, clock: SettableClock
) -> None:
    """No step has both; should one ever, a limit is still a limit."""
    seen(office.ledger, clock, "1-01", "2-01")
    office.ask("note", {"message": "a"})
    change(office.ledger, orders, next_step=Step.SEND_NOTE, dispatched_until=None)
    change(office.ledger, commands, dispatched_until=None)

    taken = take(office.ledger, clock, Step.SEND_NOTE, limit=2)

    assert ids(taken) == ["1-01", "2-01"]


def test_what_was_taken_is_under_way_and_due_again_after_a_moment(
    ledger: Ledger, clock: SettableClock
) -> None:
    seen(ledger, clock, "1-01", "2-01")
    seen(ledger, clock, "1-01", account=OTHER)
    clock.advance(10)
    before = ledger.due_work.under_way(now=clock())

    take(ledger, clock, limit=1)
    under_way = ledger.due_work.under_way(now=clock())
    clock.advance(DISPATCHED_FOR.total_seconds())

    assert before == Counter()
    assert under_way == Counter({(STORE, "orders.fetch"): 1})
    assert ledger.due_work.under_way(now=clock()) == Counter()
    assert ids(take(ledger, clock)) == ["1-01", "2-01"]


def test_what_a_worker_has_is_under_way_and_not_taken(office: Office, clock: SettableClock) -> None:
    ledger = office.ledger
    seen(ledger, clock, "1-01", "2-01")
    ledger.orders.claim(STORE, "1-01", Step.FETCH, owner="a", now=clock())
    office.claim(office.ask("note", {"message": "a"}, order_id="3-01"))
    clock.advance(10)

    under_way = ledger.due_work.under_way(now=clock())

    assert under_way == Counter({(STORE, "orders.fetch"): 1, (STORE, "tracking.note"): 1})
    assert ids(take(ledger, clock)) == ["2-01"]
    assert take(ledger, clock, Step.SEND_NOTE) == []


def test_work_of_an_order_that_is_in_other_hands_is_not_taken(
    office: Office, clock: SettableClock
) -> None:
    ledger = office.ledger
    seen(ledger, clock, ORDER)
    office.claim(office.ask("note", {"message": "a"}))
    office.ask("cancel", {"reason": "b"})
    clock.advance(10)

    fetch, cancel = take(ledger, clock), take(ledger, clock, Step.SEND_CANCEL)
    clock.advance(60)

    assert (fetch, cancel) == ([], [])
    assert ids(take(ledger, clock)) == [ORDER]
    assert ids(take(ledger, clock, Step.SEND_CANCEL)) == [ORDER]


def test_a_step_that_nobody_knows_is_listed_and_parked_and_stops_nobody(
    office: Office, clock: SettableClock
) -> None:
    ledger = office.ledger
    seen(ledger, clock, "1-01", "2-01")
    unknown = office.ask("note", {"message": "a"}, order_id="3-01")
    with ledger.database.writing() as connection:
        teleport = sa.update(orders).where(orders.c.order_id == "1-01")
        connection.execute(teleport.values(next_step="orders.teleport"))
        connection.execute(sa.update(commands).values(next_step="orders.teleport"))
    clock.advance(10)
    found = ledger.due_work.find(now=clock())

    parked = ledger.due_work.park_unreadable(STORE, "orders.teleport", now=clock())

    row, _, _ = ledger.inquiries.story(STORE, "1-01")
    assert row is not None
    assert [each.step for each in found] == ["orders.fetch", "orders.teleport", "orders.teleport"]
    assert parked == 2
    assert (row["standing"], row["cause"]) == ("parked", "row.unreadable")
    assert office.row(unknown)["cause"] == "row.unreadable"
    assert [each.step for each in ledger.due_work.find(now=clock())] == ["orders.fetch"]
    assert ids(take(ledger, clock)) == ["2-01"]


def test_whoever_stands_behind_a_command_that_cannot_be_read_goes(
    office: Office, clock: SettableClock
) -> None:
    first = office.ask("invoice", {"number": "1", "value_cents": 1})
    second = office.ask("invoice", {"number": "2", "value_cents": 1})
    with office.ledger.database.writing() as connection:
        unknown = sa.update(commands).where(commands.c.id == first)
        connection.execute(unknown.values(next_step="invoice.teleport"))

    office.ledger.due_work.park_unreadable(STORE, "invoice.teleport", now=clock())

    [taken] = take(office.ledger, clock, Step.SEND_INVOICE)
    assert taken.command_id == second


def test_an_erp_is_told_that_its_command_cannot_be_read(
    office: Office, clock: SettableClock
) -> None:
    command_id = office.ask("note", {"message": "a"}, source="erp")
    facts = office.ledger.command_facts
    facts.mark_told(STORE, facts.untold(STORE, limit=10))
    change(office.ledger, commands, next_step="orders.teleport")

    office.ledger.due_work.park_unreadable(STORE, "orders.teleport", now=clock())

    [untold] = facts.untold(STORE, limit=10)
    assert (untold["id"], untold["outcome"]) == (command_id, "parked")


def test_a_step_that_is_known_is_never_parked(office: Office, clock: SettableClock) -> None:
    office.ask("note", {"message": "a"})

    assert office.ledger.due_work.park_unreadable(STORE, Step.SEND_NOTE, now=clock()) == 0
    assert [each.step for each in office.ledger.due_work.find(now=clock())] == ["tracking.note"]


def test_a_step_of_another_account_is_left_alone(office: Office, clock: SettableClock) -> None:
    office.ask("note", {"message": "a"})
    change(office.ledger, commands, next_step="orders.teleport")

    assert office.ledger.due_work.park_unreadable(OTHER, "orders.teleport", now=clock()) == 0


def test_a_step_that_is_left_to_others_is_due_again_at_once(
    ledger: Ledger, clock: SettableClock
) -> None:
    seen(ledger, clock, "1-01")
    clock.advance(DISPATCHED_FOR.total_seconds())
    [message] = take(ledger, clock)

    ledger.due_work.leave_to_others(message)

    assert take(ledger, clock) == [message]


def test_a_step_that_another_process_has_stays_with_it(
    ledger: Ledger, clock: SettableClock
) -> None:
    seen(ledger, clock, "1-01")
    claim = ledger.orders.claim(STORE, "1-01", Step.FETCH, owner="a", now=clock())

    ledger.due_work.leave_to_others(Dispatch(STORE, "1-01", Step.FETCH))
    clock.advance(DISPATCHED_FOR.total_seconds())

    assert claim is not None
    assert take(ledger, clock) == []
