"""What beat puts on the queues, and how often each chore of an account is done."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from orders_sync.ledger.accounts import Chore, Turn
from orders_sync.ledger.cursors import EVERY_ACCOUNT
from orders_sync.settings import Settings

#: The chores that `feed.tick` looks after; they take part in an event's or a command's latency.
QUICK: Final = (Chore.POLL, Chore.PULL, Chore.ACKNOWLEDGE)

#: The chores that `upkeep.tick` looks after.
SLOW: Final = (
    Chore.WATCH_FEED,
    Chore.RECONCILE,
    Chore.PURGE,
    Chore.COLLECT_STRAYS,
    Chore.WATCH_PAUSES,
)

#: How long a claimed chore is left alone. A message that is lost costs so long.
QUICK_LEASE: Final = timedelta(seconds=15)
SLOW_LEASE: Final = timedelta(seconds=120)

_PURGE_SECONDS: Final = 3600.0

#: How long what no task can take, and may be personal, lies in the broker.
_STRAYS_SECONDS: Final = 10.0

#: How far the clocks of two machines may be apart.
_CLOCKS_DIFFER_SECONDS: Final = 120.0

#: A chore without work is done this many times in the time that it has had none.
_RUNS_IN_THE_QUIET: Final = 30

#: Accounts that drift apart are not all due in the same second for ever.
_JITTER: Final = 0.1

#: As many accounts without work share a message; each of the others has its own.
_LOT: Final = 10
#: A chore that took longer may keep the others of its lot waiting.
_QUICK_RUN_SECONDS: Final = 0.5
_QUIET: Final = timedelta(seconds=60)


def beat_schedule(settings: Settings) -> dict[str, dict[str, Any]]:
    """Return Celery's schedule: two ticks, however many accounts there are.

    A tick that was not taken for long expires, so an outage leaves no pile. Beat says by its own
    clock until when, and the worker judges by its own, so it may not be too short: workers that are
    a little ahead would take no tick at all.
    """
    return {
        "feed.tick": _every(settings.poll_seconds, "feed.tick"),
        "upkeep.tick": _every(settings.sweep_seconds, "upkeep.tick"),
    }


def _every(seconds: float, task: str) -> dict[str, Any]:
    return {
        "task": task,
        "schedule": timedelta(seconds=seconds),
        "options": {"expires": seconds + _CLOCKS_DIFFER_SECONDS},
    }


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often a chore is done, in seconds: after work, and when there was none for long."""

    shortest: float
    longest: float


def rhythm_of(chore: Chore, settings: Settings) -> Rhythm:
    """Return how often a chore is done.

    What is due between two ticks waits for the second one, so the longest pause is a tick less than
    `idle_poll_seconds`.
    """
    idle = settings.idle_poll_seconds - settings.poll_seconds
    match chore:
        case Chore.POLL:
            return Rhythm(settings.poll_seconds, max(settings.poll_seconds, idle))
        case Chore.PULL:
            return Rhythm(settings.pull_seconds, max(settings.pull_seconds, idle))
        case Chore.ACKNOWLEDGE:
            return _steady(settings.acknowledge_seconds)
        case Chore.WATCH_FEED:
            return _steady(settings.watch_feed_seconds)
        case Chore.RECONCILE:
            return _steady(settings.reconcile_seconds)
        case Chore.PURGE:
            return _steady(_PURGE_SECONDS)
        case Chore.COLLECT_STRAYS:
            return _steady(_STRAYS_SECONDS)
        case Chore.WATCH_PAUSES:
            return _steady(settings.sweep_seconds)


def _steady(seconds: float) -> Rhythm:
    return Rhythm(seconds, seconds)


def pause(rhythm: Rhythm, quiet: timedelta | None, *, draw: float) -> timedelta:
    """Return how long to wait after a run; `quiet` is for how long there was no work, None if ever.

    Work waits for at most a thirtieth of the time in which there was none, so a busy account
    has the shortest pause for half a minute after its last work, and one that is idle costs little.
    `draw`, from 0 to 1, shortens longer pauses by up to a tenth.
    """
    if quiet is None:
        seconds = rhythm.longest
    else:
        seconds = min(quiet.total_seconds() / _RUNS_IN_THE_QUIET, rhythm.longest)
    return timedelta(seconds=max(seconds * (1 - _JITTER * draw), rhythm.shortest))


def first_due(
    settings: Settings, accounts: Collection[str], *, now: datetime
) -> Mapping[tuple[str, Chore], datetime | None]:
    """Return when the chores of accounts that are new, and those of all, are due first.

    Feeds and ERPs are asked at once, the rest is spread over its interval by the account's name.
    """
    due: dict[tuple[str, Chore], datetime | None] = {
        (EVERY_ACCOUNT, Chore.PURGE): now,
        (EVERY_ACCOUNT, Chore.COLLECT_STRAYS): now,
    }
    for account in accounts:
        due.update({(account, chore): now for chore in QUICK})
        for chore in (Chore.WATCH_FEED, Chore.RECONCILE):
            seconds = rhythm_of(chore, settings).longest * _share(account, chore)
            due[account, chore] = now + timedelta(seconds=seconds)
    return due


def _share(account: str, chore: Chore) -> float:
    """Return a number from 0 to 1 that is the same in all processes."""
    digest = hashlib.sha256(f"{chore} {account}".encode()).digest()
    return int.from_bytes(digest[:4]) / 2**32


def lots(turns: Sequence[Turn]) -> Iterator[Sequence[Turn]]:
    """Divide turns among messages: accounts at rest share some, those with work or trouble do not.

    A message costs more than a poll that finds nothing.
    """
    at_rest: dict[Chore, list[Turn]] = {}
    for turn in turns:
        if _is_at_rest(turn):
            at_rest.setdefault(turn.chore, []).append(turn)
        else:
            yield [turn]
    for resting in at_rest.values():
        for start in range(0, len(resting), _LOT):
            yield resting[start : start + _LOT]


def _is_at_rest(turn: Turn) -> bool:
    is_quiet = turn.worked_at is None or turn.claimed_at - turn.worked_at > _QUIET
    is_well = turn.failure is None and turn.seconds is not None
    return is_quiet and is_well and (turn.seconds or 0.0) < _QUICK_RUN_SECONDS
