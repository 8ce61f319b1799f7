"""Rows are locked in one order everywhere, so nobody waits for whoever waits for him.

In each test the first row is held, whoever works on it is seen to wait, and what comes after it
in that order is then still free.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from support.office import ORDER, STORE, Office
from support.waiting import until
from unit.ledger.test_racing import event

from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import CommandResult, Step
from orders_sync.ledger import Ledger
from orders_sync.ledger.accounts import Chore
from orders_sync.ledger.processes import SILENT_FOR
from orders_sync.ledger.tables import accounts, commands, events, orders
from orders_sync.outbound import decide
from orders_sync.testing.clock import SettableClock

pytestmark = pytest.mark.parametrize("database", ["postgresql"], indirect=True)

IS_WAITING = sa.text(
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND wait_event_type = 'Lock'"
)

Act = Callable[[], object]


def rows_are_free_while_the_first_is_held(
    ledger: Ledger, first: sa.Select[str], others: sa.Select[str], act: Act
) -> Sequence[str]:
    """Hold `first` until `act` waits for it, lock `others`, and let `act` go on."""
    with ThreadPoolExecutor(1) as pool:
        with ledger.database.writing() as holder:
            assert holder.execute(first.with_for_update()).all()
            acting = pool.submit(act)
            with ledger.database.reading() as looker:
                until(lambda: looker.execute(IS_WAITING).scalar_one(), "it waits for the row")
            locked = holder.execute(others.with_for_update(nowait=True)).scalars().all()
        acting.result(30)
    return locked


def in_work(office: Office) -> Act:
    command_id = office.ask("note", {"message": "hello"})
    claim = office.claim(command_id)
    done = CommandResult(Standing.DONE, "done", progress="done")
    return lambda: office.ledger.commands.complete(claim, done, office.entry, now=office.clock())


def to_be_claimed(office: Office) -> Act:
    command_id = office.ask("note", {"message": "hello"})
    office.ledger.orders.look_again(STORE, ORDER, now=office.clock())
    return lambda: office.try_claim(command_id)


def to_be_retried(office: Office) -> Act:
    command_id = office.ask("note", {"message": "hello"})
    office.park(command_id)
    return lambda: decide.retry(command_id, ledger=office.ledger, act=office.act)


def to_be_discarded(office: Office) -> Act:
    command_id = office.ask("note", {"message": "hello"})
    office.park(command_id)
    return lambda: office.ledger.decisions.discard(command_id, office.act)


def to_be_answered(office: Office) -> Act:
    office.ask("note", {"message": "hello"})
    facts = office.ledger.command_facts
    rows = facts.untold(STORE, limit=9)
    return lambda: facts.mark_told(STORE, rows)


@pytest.mark.parametrize(
    "prepare", [in_work, to_be_claimed, to_be_retried, to_be_discarded, to_be_answered]
)
def test_an_order_is_locked_before_its_commands(
    prepare: Callable[[Office], Act], office: Office
) -> None:
    act = prepare(office)
    first = sa.select(orders.c.order_id).where(orders.c.order_id == ORDER)

    free = rows_are_free_while_the_first_is_held(
        office.ledger, first, sa.select(commands.c.id), act
    )

    assert len(free) == 1


def test_an_accounts_pull_is_locked_after_the_commands(office: Office) -> None:
    act = in_work(office)
    following = office.ask("note", {"message": "hello again"}, "another")
    office.ledger.accounts.wake(STORE, Chore.PULL, office.clock())
    first = sa.select(commands.c.id).where(commands.c.id == following)

    free = rows_are_free_while_the_first_is_held(
        office.ledger, first, sa.select(accounts.c.account), act
    )

    assert STORE in free


LOT = [event(number, f"handle-{number}") for number in (2, 1, 0)]


def record_again(ledger: Ledger, clock: SettableClock) -> object:
    return ledger.events.record(STORE, LOT, now=clock())


def acknowledge(ledger: Ledger, clock: SettableClock) -> None:
    ledger.events.mark_acknowledged(
        STORE, [each.handle for each in LOT if each.handle], now=clock()
    )


@pytest.mark.parametrize("act", [record_again, acknowledge])
def test_events_are_locked_in_the_order_of_their_identities(
    act: Callable[[Ledger, SettableClock], object], ledger: Ledger, clock: SettableClock
) -> None:
    ledger.events.record(STORE, LOT, now=clock())
    first = sa.select(events.c.identity).where(events.c.identity == LOT[-1].identity)
    others = sa.select(events.c.identity).where(events.c.identity != LOT[-1].identity)

    free = rows_are_free_while_the_first_is_held(ledger, first, others, lambda: act(ledger, clock))

    assert len(free) == 2


def test_orders_are_locked_in_the_order_of_their_ids(ledger: Ledger, clock: SettableClock) -> None:
    for number in (2, 1, 0):
        ledger.orders.look_again(STORE, f"{number:02d}-01", now=clock())
    first = sa.select(orders.c.order_id).where(orders.c.order_id == "00-01")
    others = sa.select(orders.c.order_id).where(orders.c.order_id != "00-01")

    free = rows_are_free_while_the_first_is_held(
        ledger, first, others, lambda: record_again(ledger, clock)
    )

    assert len(free) == 2


def test_the_orders_of_a_dead_process_are_locked_in_the_order_of_their_ids(
    ledger: Ledger, clock: SettableClock
) -> None:
    ledger.processes.seen("gone", node="gone", queues=["orders"], threads=1, now=clock())
    for number in (2, 1, 0):
        order_id = f"{number:02d}-01"
        ledger.orders.look_again(STORE, order_id, now=clock())
        assert ledger.orders.claim(STORE, order_id, Step.FETCH, owner="gone", now=clock())
    clock.advance(SILENT_FOR.total_seconds())
    first = sa.select(orders.c.order_id).where(orders.c.order_id == "00-01")
    others = sa.select(orders.c.order_id).where(orders.c.order_id != "00-01")

    free = rows_are_free_while_the_first_is_held(
        ledger, first, others, lambda: ledger.processes.bury(now=clock())
    )

    assert len(free) == 2
