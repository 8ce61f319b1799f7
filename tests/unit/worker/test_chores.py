from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from support.ledger_files import make_ledger

from orders_sync.errors import OrdersSyncError, ParkedError, Unavailable, WaitError
from orders_sync.ledger import Ledger
from orders_sync.ledger.accounts import Chore, Turn
from orders_sync.testing.clock import SettableClock
from orders_sync.worker.chores import Chores, Ran
from orders_sync.worker.schedule import QUICK_LEASE, Rhythm

SECOND = timedelta(seconds=1)


class Chorus:
    """Three accounts whose turns were claimed, and what became of them."""

    def __init__(self, home: Path, clock: SettableClock) -> None:
        url = make_ledger(f"sqlite:///{home / 'ledger.sqlite3'}")
        self.ledger = Ledger(url, lease=60 * SECOND)
        self.clock = clock
        self.errors: list[Exception] = []
        self.asked: list[str] = []
        self.chores = Chores(
            self.ledger.accounts,
            self.ledger.postponed,
            Rhythm(1, 15),
            clock,
            random.Random(1),
            self.errors.append,
        )
        self.ledger.accounts.schedule({(name, Chore.POLL): clock() for name in "abc"})
        self.turns = self.claim()

    def claim(self) -> list[Turn]:
        accounts = self.ledger.accounts
        now = self.clock()
        turns = accounts.claim([Chore.POLL], now=now, lease=QUICK_LEASE, limit=9)
        return list(accounts.begin(Chore.POLL, {turn.account: turn.version for turn in turns}))

    def due_in(self, account: str) -> timedelta | None:
        due_at = self.ledger.accounts.last_runs(Chore.POLL)[account].due_at
        return None if due_at is None else due_at - self.clock()


@pytest.fixture
def chorus(tmp_path: Path, clock: SettableClock) -> Iterator[Chorus]:
    chorus = Chorus(tmp_path, clock)
    yield chorus
    chorus.ledger.close()


def test_a_chore_that_may_rest_is_done_rarely_although_it_had_work(chorus: Chorus) -> None:
    chorus.chores.run(chorus.turns[:2], lambda account: Ran(worked=True, may_rest=account == "a"))

    resting, busy = chorus.due_in("a"), chorus.due_in("b")
    assert resting is not None
    assert 13.5 * SECOND <= resting <= 15 * SECOND
    assert busy == SECOND


def test_an_account_in_trouble_stops_no_other_of_its_message(chorus: Chorus) -> None:
    def work(account: str) -> Ran:
        chorus.asked.append(account)
        if account == "a":
            raise Unavailable("503", retry_after=40)
        return Ran(worked=True)

    chorus.chores.run(chorus.turns, work)

    assert chorus.asked == ["a", "b", "c"]
    assert [type(error) for error in chorus.errors] == [Unavailable]
    assert [chorus.due_in(name) for name in "abc"] == [40 * SECOND, SECOND, SECOND]


@pytest.mark.parametrize(
    ("error", "rest"),
    [
        pytest.param(Unavailable("503"), 2, id="no time is named"),
        pytest.param(Unavailable("503", retry_after=40), 40, id="VTEX names one"),
        pytest.param(WaitError("budget", 0.3), 0.3, id="the budget is used up"),
    ],
)
def test_a_failure_sets_when_the_chore_is_due(
    chorus: Chorus, error: OrdersSyncError, rest: float
) -> None:
    def work(_: str) -> Ran:
        raise error

    chorus.chores.run(chorus.turns[:1], work)

    assert chorus.due_in("a") == rest * SECOND
    last_run = chorus.ledger.accounts.last_runs(Chore.POLL)["a"]
    assert (last_run.rests_until, last_run.succeeded_at) == (last_run.due_at, None)


def test_what_no_waiting_helps_is_tried_as_rarely_as_an_idle_account(chorus: Chorus) -> None:
    def work(_: str) -> Ran:
        raise ParkedError("unknown")

    chorus.chores.run(chorus.turns[:1], work)

    assert chorus.due_in("a") is not None
    assert 13 * SECOND < (chorus.due_in("a") or SECOND) <= 15 * SECOND


def test_turns_for_which_there_is_no_time_are_given_back(chorus: Chorus) -> None:
    def work(account: str) -> Ran:
        chorus.asked.append(account)
        chorus.clock.advance(6)
        return Ran()

    chorus.chores.run(chorus.turns, work)

    assert chorus.asked == ["a"]
    assert [turn.account for turn in chorus.claim()] == ["b", "c"]


def test_a_crash_gives_the_turns_after_it_back(chorus: Chorus) -> None:
    def work(account: str) -> Ran:
        if account == "b":
            raise ValueError("a defect")
        return Ran()

    with pytest.raises(ValueError, match="a defect"):
        chorus.chores.run(chorus.turns, work)

    assert [turn.account for turn in chorus.claim()] == ["c"]
    chorus.clock.advance(QUICK_LEASE.total_seconds())
    assert "b" in [turn.account for turn in chorus.claim()]


def test_what_is_not_at_its_end_goes_on_at_once(chorus: Chorus) -> None:
    going_on = chorus.chores.run(chorus.turns, lambda account: Ran(True, goes_on=account == "b"))

    assert going_on == ["b"]
    assert [turn.account for turn in chorus.claim()] == ["b"]


def test_a_chore_that_is_over_waits_until_it_is_woken(chorus: Chorus) -> None:
    chorus.chores.run(chorus.turns, lambda _: Ran(True, is_over=True))
    chorus.clock.advance(10**6)

    asleep = chorus.claim()
    chorus.ledger.accounts.wake("a", Chore.POLL, chorus.clock())

    assert asleep == []
    assert [turn.account for turn in chorus.claim()] == ["a"]


def test_a_long_run_does_not_make_an_account_miss_its_next_tick(chorus: Chorus) -> None:
    claimed_at = chorus.clock()

    def work(_: str) -> Ran:
        chorus.clock.advance(0.7)
        return Ran(worked=True)

    chorus.chores.run(chorus.turns[:1], work)

    assert due_at(chorus, "a") == claimed_at + SECOND


def due_at(chorus: Chorus, account: str) -> datetime | None:
    return chorus.ledger.accounts.last_runs(Chore.POLL)[account].due_at


def test_an_account_with_work_is_polled_every_second_and_more_rarely_after_it(
    chorus: Chorus,
) -> None:
    pauses: list[float] = []
    began_at = chorus.clock()
    while chorus.clock() - began_at < 20 * 60 * SECOND:
        has_work = chorus.clock() - began_at < 10 * SECOND
        turns = [turn for turn in chorus.claim() if turn.account == "a"] or chorus.turns[:1]
        chorus.chores.run(turns, lambda _, work=has_work: Ran(work))  # type: ignore[misc]
        pause = (chorus.due_in("a") or SECOND).total_seconds()
        pauses.append(pause)
        chorus.clock.advance(pause)

    assert pauses[:30] == [1.0] * 30
    assert all(1.0 <= pause <= 15.0 for pause in pauses)
    assert all(pause >= 13.5 for pause in pauses[-20:])
    assert len(pauses) < 30 + 200


def test_an_account_that_is_left_to_others_is_due_for_them_at_once(chorus: Chorus) -> None:
    ours = replace(chorus.chores, is_left=lambda account: account == "b")

    def work(account: str) -> Ran:
        chorus.asked.append(account)
        return Ran()

    ours.run(chorus.turns, work)

    assert chorus.asked == ["a", "c"]
    assert [turn.account for turn in chorus.claim()] == ["b"]
