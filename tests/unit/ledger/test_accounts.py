from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier

import pytest
import sqlalchemy as sa
from support.turns import leave_poll

from orders_sync.ledger import Ledger
from orders_sync.ledger.accounts import Chore, Turn, TurnResult
from orders_sync.ledger.tables import accounts
from orders_sync.testing.clock import SettableClock

LEASE = timedelta(seconds=15)
SECOND = timedelta(seconds=1)


def schedule(ledger: Ledger, names: list[str], at: datetime) -> None:
    ledger.accounts.schedule({(name, Chore.POLL): at for name in names})


def claim(ledger: Ledger, now: datetime, limit: int = 100) -> list[str]:
    turns = ledger.accounts.claim([Chore.POLL], now=now, lease=LEASE, limit=limit)
    return [turn.account for turn in turns]


def take(ledger: Ledger, now: datetime) -> Turn:
    turn = ledger.accounts.claim_one("a", Chore.POLL, now=now, lease=LEASE)
    assert turn is not None
    return turn


def test_what_is_due_is_claimed_the_longest_due_first(ledger: Ledger, clock: SettableClock) -> None:
    schedule(ledger, ["late"], clock() - SECOND)
    schedule(ledger, ["later"], clock() - 2 * SECOND)
    schedule(ledger, ["latest"], clock() - 3 * SECOND)
    schedule(ledger, ["early"], clock() + SECOND)

    first = claim(ledger, clock(), limit=2)
    second = claim(ledger, clock(), limit=2)

    assert (first, second) == (["latest", "later"], ["late"])


def test_of_new_accounts_a_few_at_once_are_asked_first(
    ledger: Ledger, clock: SettableClock
) -> None:
    def claim_some(limit: int = 100) -> list[Turn]:
        return list(
            ledger.accounts.claim(
                [Chore.POLL], now=clock(), lease=LEASE, limit=limit, first_at_once=3
            )
        )

    schedule(ledger, ["old"], clock() - SECOND)
    [old] = claim_some()
    ledger.accounts.end([TurnResult(old, clock(), clock(), 0.1)])
    schedule(ledger, [f"new{number}" for number in range(9)], clock() - SECOND)

    first = claim_some()
    assert [turn.account for turn in first] == ["new0", "new1", "new2", "old"]
    assert claim_some() == []
    ledger.accounts.end([TurnResult(turn, clock() + LEASE, clock(), 0.1) for turn in first[:2]])
    assert [turn.account for turn in claim_some()] == ["new3", "new4"]
    clock.advance(LEASE.total_seconds())
    assert len(claim_some(limit=5)) == 5


def test_a_new_account_finds_room_beside_more_than_one_tick_takes(
    ledger: Ledger, clock: SettableClock
) -> None:
    schedule(ledger, ["a", "b", "c"], clock() - SECOND)
    turns = ledger.accounts.claim([Chore.POLL], now=clock(), lease=LEASE, limit=9)
    ledger.accounts.end([TurnResult(turn, clock() - SECOND, clock(), 0.1) for turn in turns])
    schedule(ledger, ["new"], clock())

    first = claim(ledger, clock(), limit=2)
    second = claim(ledger, clock(), limit=2)

    assert "new" in first
    assert sorted(first + second) == ["a", "b", "c", "new"]


def test_a_tick_may_claim_what_is_due_before_the_next_one(
    ledger: Ledger, clock: SettableClock
) -> None:
    schedule(ledger, ["a"], clock() + SECOND)

    turns = ledger.accounts.claim([Chore.POLL], now=clock(), lease=LEASE, limit=9, ahead=SECOND)

    assert [turn.account for turn in turns] == ["a"]


def test_other_chores_are_left_to_their_tick(ledger: Ledger, clock: SettableClock) -> None:
    ledger.accounts.schedule({("a", Chore.RECONCILE): clock()})

    assert claim(ledger, clock()) == []


def test_ticks_at_once_claim_different_accounts(
    open_ledger: Callable[[], Ledger], clock: SettableClock
) -> None:
    ledgers = [open_ledger() for _ in range(4)]
    names = [f"a{number:02}" for number in range(40)]
    schedule(ledgers[0], names, clock())
    barrier = Barrier(len(ledgers))

    def tick(ledger: Ledger) -> list[str]:
        barrier.wait(30)
        return claim(ledger, clock(), limit=10)

    with ThreadPoolExecutor(len(ledgers)) as pool:
        claimed = [name for lot in pool.map(tick, ledgers) for name in lot]

    assert len(claimed) == len(set(claimed))
    assert sorted(claimed + claim(ledgers[0], clock())) == names


def test_a_message_that_is_lost_costs_until_the_lease_is_over(
    ledger: Ledger, clock: SettableClock
) -> None:
    schedule(ledger, ["a"], clock())
    claim(ledger, clock())

    clock.advance(LEASE.total_seconds() - 1)
    early = claim(ledger, clock())
    clock.advance(1)

    assert early == []
    assert claim(ledger, clock()) == ["a"]


def test_a_chore_that_ended_is_due_at_its_time(ledger: Ledger, clock: SettableClock) -> None:
    leave_poll(ledger, "a", at=clock(), due_in=5)

    clock.advance(4)
    early = claim(ledger, clock())
    clock.advance(1)

    assert early == []
    assert claim(ledger, clock()) == ["a"]


@pytest.mark.parametrize("is_ended", [True, False], ids=["between two polls", "during a poll"])
def test_after_the_clock_was_set_back_by_an_hour_a_feed_is_polled_on(
    ledger: Ledger, clock: SettableClock, is_ended: bool
) -> None:
    schedule(ledger, ["a"], clock())
    [turn] = ledger.accounts.claim([Chore.POLL], now=clock(), lease=LEASE, limit=9)
    [turn] = ledger.accounts.begin(Chore.POLL, {"a": turn.version})
    if is_ended:
        ledger.accounts.end([TurnResult(turn, clock() + 2 * SECOND, ran_at=clock(), seconds=0.1)])
    clock.advance(-3600)

    first = claim(ledger, clock())
    again = claim(ledger, clock())

    assert (first, again) == (["a"], [])


def test_what_is_given_back_is_due_as_before(ledger: Ledger, clock: SettableClock) -> None:
    schedule(ledger, ["a"], clock())
    turns = ledger.accounts.claim([Chore.POLL], now=clock(), lease=LEASE, limit=1)

    ledger.accounts.release(turns)

    assert claim(ledger, clock()) == ["a"]
    assert ledger.accounts.last_runs(Chore.POLL) == {}


def test_a_turn_is_begun_once_however_often_its_message_comes(
    ledger: Ledger, clock: SettableClock
) -> None:
    schedule(ledger, ["a", "b"], clock())
    turns = ledger.accounts.claim([Chore.POLL], now=clock(), lease=LEASE, limit=2)
    message = {turn.account: turn.version for turn in turns}

    first = ledger.accounts.begin(Chore.POLL, message)
    second = ledger.accounts.begin(Chore.POLL, message)

    assert [turn.account for turn in first] == ["a", "b"]
    assert second == []


def test_a_message_that_waited_for_longer_than_its_lease_is_good_for_its_turn(
    ledger: Ledger, clock: SettableClock
) -> None:
    schedule(ledger, ["a"], clock())
    [late] = ledger.accounts.claim([Chore.POLL], now=clock(), lease=LEASE, limit=1)
    clock.advance(LEASE.total_seconds())
    [repeated] = ledger.accounts.claim([Chore.POLL], now=clock(), lease=LEASE, limit=1)

    first = ledger.accounts.begin(Chore.POLL, {"a": late.version})
    second = ledger.accounts.begin(Chore.POLL, {"a": repeated.version})

    assert ([turn.account for turn in first], second) == (["a"], [])


def test_a_message_that_is_doubled_has_no_turn_once_it_was_done(
    ledger: Ledger, clock: SettableClock
) -> None:
    leave_poll(ledger, "a", at=clock())

    assert ledger.accounts.begin(Chore.POLL, {"a": 1}) == []


def test_whoever_was_overtaken_writes_nothing(ledger: Ledger, clock: SettableClock) -> None:
    overtaken = take(ledger, clock())
    clock.advance(LEASE.total_seconds())
    take(ledger, clock())

    ledger.accounts.end([TurnResult(overtaken, None, clock(), 1.0, succeeded_at=clock())])
    clock.advance(LEASE.total_seconds())

    assert ledger.accounts.last_runs(Chore.POLL) == {}
    assert claim(ledger, clock()) == ["a"]


def test_one_account_is_claimed_by_one_at_a_time(ledger: Ledger, clock: SettableClock) -> None:
    take(ledger, clock())

    assert ledger.accounts.claim_one("a", Chore.POLL, now=clock(), lease=LEASE) is None
    assert ledger.accounts.claim_one("a", Chore.PULL, now=clock(), lease=LEASE) is not None


@pytest.mark.parametrize(
    ("due_in", "wake_in", "expected"),
    [
        pytest.param(10, 0, 0, id="at once"),
        pytest.param(10, 2, 2, id="earlier than it was due"),
        pytest.param(2, 10, 2, id="not later than it was due"),
        pytest.param(None, 2, 2, id="from its sleep"),
    ],
)
def test_a_chore_is_woken(
    ledger: Ledger,
    clock: SettableClock,
    due_in: float | None,
    wake_in: float,
    expected: float,
) -> None:
    due_at = None if due_in is None else clock() + due_in * SECOND
    ledger.accounts.schedule({("a", Chore.POLL): due_at})

    ledger.accounts.wake("a", Chore.POLL, clock() + wake_in * SECOND)

    assert due(ledger) == {"a": clock() + expected * SECOND}


def test_a_chore_that_sleeps_is_never_due(ledger: Ledger, clock: SettableClock) -> None:
    ledger.accounts.schedule({("a", Chore.POLL): None})
    clock.advance(10**6)

    assert claim(ledger, clock()) == []


def test_a_chore_that_is_woken_while_it_runs_runs_again(
    ledger: Ledger, clock: SettableClock
) -> None:
    turn = take(ledger, clock())
    clock.advance(1)

    ledger.accounts.wake("a", Chore.POLL, clock())
    ledger.accounts.end([TurnResult(turn, clock() + 60 * SECOND, clock(), 1.0)])

    assert claim(ledger, clock()) == ["a"]


def test_rows_that_are_there_keep_their_time(ledger: Ledger, clock: SettableClock) -> None:
    leave_poll(ledger, "a", at=clock(), due_in=9)

    schedule(ledger, ["a", "b"], clock())

    assert due(ledger) == {"a": clock() + 9 * SECOND, "b": clock()}


def due(ledger: Ledger) -> dict[str, datetime]:
    statement = sa.select(accounts.c.account, accounts.c.due_at)
    with ledger.database.reading() as connection:
        return {row.account: row.due_at for row in connection.execute(statement)}
