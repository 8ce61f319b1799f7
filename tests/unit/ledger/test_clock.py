from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orders_sync.domain.time import Clock, since_boot
from orders_sync.ledger import Ledger
from orders_sync.ledger.clock import LedgerClock
from orders_sync.ledger.engine import Database

HOUR = timedelta(hours=1)


class Counter:
    """Counts the seconds that a test lets pass."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def wrong_by(offset: timedelta) -> Clock:
    return lambda: datetime.now(UTC) + offset


def is_right(instant: datetime, ahead: timedelta = timedelta(0)) -> bool:
    return abs(instant - datetime.now(UTC) - ahead) < timedelta(minutes=1)


@pytest.mark.parametrize("offset", [-HOUR, HOUR], ids=["behind", "ahead"])
def test_processes_whose_clocks_differ_take_the_ledgers_time(
    ledger: Ledger, offset: timedelta
) -> None:
    clock = LedgerClock(ledger.database, own=wrong_by(offset), counter=Counter())

    now = clock()

    assert is_right(now)
    assert now.utcoffset() == timedelta(0)


def test_time_is_counted_between_two_questions(ledger: Ledger) -> None:
    counter = Counter()
    clock = LedgerClock(ledger.database, own=wrong_by(HOUR), counter=counter)
    before = clock()

    counter.seconds += 14.5
    counted = clock()

    assert counted - before == timedelta(seconds=14.5)


def test_the_ledger_is_asked_again_after_a_while(ledger: Ledger) -> None:
    counter = Counter()
    clock = LedgerClock(ledger.database, own=wrong_by(HOUR), counter=counter)
    clock()

    counter.seconds += 3600

    assert is_right(clock())


def test_while_the_ledger_is_away_its_last_answer_holds(ledger: Ledger, tmp_path: Path) -> None:
    counter = Counter()
    clock = LedgerClock(ledger.database, own=wrong_by(HOUR), counter=counter)
    clock()
    clock._database = away(tmp_path)

    counter.seconds += 3600

    assert is_right(clock(), ahead=timedelta(seconds=3600))


def test_before_the_first_answer_a_process_goes_by_its_own_clock(tmp_path: Path) -> None:
    clock = LedgerClock(away(tmp_path), own=wrong_by(HOUR), counter=Counter())

    assert is_right(clock(), ahead=HOUR)


def test_seconds_are_counted_while_the_machine_is_suspended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(time, "CLOCK_BOOTTIME", 7, raising=False)
    monkeypatch.setattr(time, "clock_gettime", {7: 86_400.0}.__getitem__)

    assert since_boot() == 86_400.0


def test_a_system_without_that_clock_counts_while_it_is_awake(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(time, "CLOCK_BOOTTIME", raising=False)
    monkeypatch.setattr(time, "monotonic", lambda: 60.0)

    assert since_boot() == 60.0


def test_the_ledgers_clock_counts_so_between_two_questions(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    boot = Counter()
    monkeypatch.setattr(time, "CLOCK_BOOTTIME", 7, raising=False)
    monkeypatch.setattr(time, "clock_gettime", lambda _: boot())
    clock = LedgerClock(ledger.database, own=wrong_by(HOUR))
    before = clock()

    boot.seconds += 14.5

    assert clock() - before == timedelta(seconds=14.5)


def away(folder: Path) -> Database:
    """A database that cannot be opened: its file is a folder."""
    (folder / "away.sqlite3").mkdir()
    return Database(f"sqlite:///{folder / 'away.sqlite3'}")
