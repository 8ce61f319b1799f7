"""Stops calls to a peer that fails, and finds out when it works again."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from time import monotonic
from typing import Any, Final

import structlog

from orders_sync.traffic.shared import LuaScript, Shared, key
from orders_sync.traffic.waits import Delay, Why

_LOOK_EVERY_SECONDS: Final = 1.0
#: A sick process that did not call for so long is not named any more.
_FORGOTTEN_SECONDS: Final = 600.0
#: Those who wait come back within this time after the next trial may be made.
_SPREAD_SECONDS: Final = 10.0
_TRIAL_LOOK_SECONDS: Final = 5.0
_CLOSED, _TRIAL = 0, 2

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When a breaker opens, and for how many seconds.

    It opens when at least `minimum` calls were made within about `window` seconds and
    `failing_percent` of them failed. Where calls are too few for that, it opens when `in_a_row`
    failed with no success between them, over `row` seconds or more: on a busy account so long
    without a success is no accident either. It stays open for `first_open`, twice as long after
    each trial that failed, at most `longest_open`. A trial that nobody ends is given up after
    `trial`.
    """

    minimum: int = 10
    failing_percent: int = 50
    window: float = 30.0
    first_open: float = 5.0
    longest_open: float = 30.0
    trial: float = 30.0
    in_a_row: int = 4
    row: float = 10.0

    def milliseconds(self) -> tuple[int, ...]:
        """Return the policy as the script takes it."""
        spans = (self.window, self.first_open, self.longest_open, self.trial)
        return (
            self.minimum,
            self.failing_percent,
            *(round(span * 1000) for span in spans),
            self.in_a_row,
            round(self.row * 1000),
        )


class Circuit(StrEnum):
    """Whether calls pass a breaker."""

    CLOSED = "closed"
    OPEN = "open"
    TRYING = "half-open"


@dataclass(frozen=True, slots=True)
class BreakerState:
    """One breaker as everybody sees it; `since` is when it opened, in seconds since 1970.

    While it is open the next trial may be made in `closed_for` seconds. It is open for each of the
    `sick` processes alone, since the instant given.
    """

    name: str
    standing: Circuit
    calls: int
    failures: int
    since: float | None
    closed_for: float = 0.0
    sick: Mapping[str, float] = field(default_factory=dict)


class Breaker:
    """Guards one group of calls of one account; all processes share what it knows.

    What counts as a failure is the caller's to say: the peer was not there, not that it refused.
    While the breaker is closed a call costs nothing, since Redis is asked once a second at most;
    a failure is told at once, and so is the first success after it.
    While Redis is away everything is allowed. The caller that is allowed a call records how it
    ended, in the same thread: while the breaker is half open, that call is the one trial.

    A process whose calls all fail while those of others succeed is *sick*: the breaker opens for
    it alone, and its calls count for nobody else until one of its trials goes well.
    """

    def __init__(
        self,
        shared: Shared,
        account: str,
        name: str,
        *,
        process: str,
        policy: BreakerPolicy,
        random: random.Random,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._shared = shared
        self._script = LuaScript("breaker.lua")
        self._key = breakers_key(account)
        self._name = name
        self._process = process
        self._policy = policy.milliseconds()
        self._random = random
        self._clock = clock
        self._lock = threading.Lock()
        self._looked_at = -_LOOK_EVERY_SECONDS
        self._told_at = -_LOOK_EVERY_SECONDS
        self._closed = True
        self._is_failing = False
        self._open_until = 0.0
        self._well = 0
        self._well_at = 0.0
        self._is_sick = False
        self._failed = 0
        self._trial_of: int | None = None

    @property
    def is_sick(self) -> bool:
        """Whether calls of this process alone fail, when it last looked."""
        return self._is_sick

    @property
    def trial_in(self) -> float:
        """Return the seconds until this process may look for a trial; 0.0 where it is closed."""
        return 0.0 if self._closed else max(0.0, self._open_until - self._clock())

    def allows(self) -> Delay | None:
        """Return None where a call may pass, else when to come again."""
        return self._ask(for_call=True)

    def is_open(self) -> Delay | None:
        """Return whether calls have to wait, without asking for a call."""
        return self._ask(for_call=False)

    def found_closed(self) -> None:
        """Record that the breaker was read just now and is closed, if it was before."""
        with self._lock:
            if self._closed:
                self._looked_at = self._clock()

    def succeeded(self) -> None:
        """Record that the peer answered, whatever it said."""
        with self._lock:
            self._well += 1
            self._well_at = now = self._clock()
            is_first = self._is_failing and now >= self._told_at + _LOOK_EVERY_SECONDS
            if is_first:
                self._told_at = now
        if not self._end_trial("well") and is_first:
            self._sync(for_call=False)

    def failed(self) -> bool:
        """Record that the peer was not there; return whether by now it is taken to be away."""
        with self._lock:
            self._failed += 1
        if not self._end_trial("failed"):
            self._sync(for_call=False)
        return not self._closed

    def undecided(self) -> None:
        """Record that the call was not made after all."""
        self._end_trial("none")

    def _ask(self, *, for_call: bool) -> Delay | None:
        with self._lock:
            now = self._clock()
            if now < self._looked_at + _LOOK_EVERY_SECONDS:
                if self._closed:
                    return None
                if now < self._open_until:
                    return self._wait(now)
                if not for_call:
                    return None
            self._looked_at = now
        return self._sync(for_call=for_call)

    def _sync(self, *, for_call: bool, ending: str = "") -> Delay | None:
        with self._lock:
            well, failed, self._well, self._failed = self._well, self._failed, 0, 0
            age = max(0, round((self._clock() - self._well_at) * 1000)) if well else 0
        calls = (self._name, self._process, well, age, failed, ending, int(for_call))
        reply = self._shared.run(self._script, self._key, *calls, *self._policy)
        state, left, row, is_sick = reply or (_CLOSED, 0, 0, 0)
        with self._lock:
            now = self._clock()
            self._closed = state == _CLOSED
            self._is_failing = row > 0
            self._note_sickness(is_sick=bool(is_sick))
            self._open_until = now + left / 1000
            if state == _TRIAL:
                self._trial_of = threading.get_ident()
            if self._closed or state == _TRIAL or (left == 0 and not for_call):
                return None
            return self._wait(now)

    def _note_sickness(self, *, is_sick: bool) -> None:
        if is_sick != self._is_sick:
            name = "traffic.process_sick" if is_sick else "traffic.process_well"
            log.warning(name, peer=self._name, key=self._key)
            self._is_sick = is_sick

    def _end_trial(self, how: str) -> bool:
        """Record in Redis how this thread's trial ended; return whether it had one."""
        if self._trial_of != threading.get_ident():
            return False
        self._trial_of = None
        self._sync(for_call=False, ending=how)
        return True

    def _wait(self, now: float) -> Delay:
        left = max(0.0, self._open_until - now)
        return Delay(left + self._random.uniform(1.0, _SPREAD_SECONDS), Why.BREAKER)


def breakers_key(account: str) -> str:
    """Return the key of an account's breakers."""
    return key(account, "breakers")


def read_states(fields: Mapping[str, str], now: float) -> list[BreakerState]:
    """Read all breakers of an account as Redis keeps them, at an instant since 1970."""
    return [_read_state(name, json.loads(text), now) for name, text in sorted(fields.items())]


def is_calm(kept: str) -> bool:
    """Check whether a breaker, as Redis keeps it, is closed for all, and no call failed of late."""
    state = _read_state("", json.loads(kept), 0.0)
    return state.since is None and not state.failures and not state.sick


def _read_state(name: str, kept: Mapping[str, Any], now: float) -> BreakerState:
    processes: Mapping[str, Mapping[str, float]] = kept.get("processes", {})
    since = kept["since"] / 1000 or None
    open_for = kept["open_until"] / 1000 - now
    standing = Circuit.CLOSED
    if since is not None:
        standing = Circuit.OPEN if open_for > 0 else Circuit.TRYING
    trial_for = min(kept["trial_until"] / 1000 - now, _TRIAL_LOOK_SECONDS)
    failures = sum(int(counts["failed"] + counts["failed_before"]) for counts in processes.values())
    successes = sum(int(counts["well"] + counts["well_before"]) for counts in processes.values())
    sick = {
        process: seen["since"] / 1000
        for process, seen in processes.items()
        if seen["since"] and seen["seen_at"] / 1000 > now - _FORGOTTEN_SECONDS
    }
    closed_for = 0.0 if since is None else max(0.0, open_for, trial_for)
    return BreakerState(name, standing, failures + successes, failures, since, closed_for, sick)
