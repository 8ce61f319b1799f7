"""Stops calls to a peer that fails, and finds out when it works again."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from time import monotonic
from typing import Final

from orders_sync.traffic.lanes import Wait, Why
from orders_sync.traffic.shared import Script, Shared, key

_LOOK_EVERY_SECONDS: Final = 1.0
_JUST_NOW_SECONDS: Final = 2.0
#: Those who wait come back within this time after the next trial may be made.
_SPREAD_SECONDS: Final = 10.0
_CLOSED, _TRIAL = 0, 2


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
        """Give the policy as the script takes it."""
        spans = (self.window, self.first_open, self.longest_open, self.trial)
        return (
            self.minimum,
            self.failing_percent,
            *(round(span * 1000) for span in spans),
            self.in_a_row,
            round(self.row * 1000),
        )


class Standing(StrEnum):
    """What a breaker does with calls."""

    CLOSED = "closed"
    OPEN = "open"
    TRYING = "half-open"


@dataclass(frozen=True, slots=True)
class BreakerState:
    """One breaker as everybody sees it; `since` is when it opened, in seconds since 1970."""

    name: str
    standing: Standing
    calls: int
    failures: int
    since: float | None


class Breaker:
    """Guards one group of calls of one account; all processes share what it knows.

    What counts as a failure is the caller's to say: the peer was not there, not that it refused.
    While the breaker is closed a call costs nothing, since Redis is asked once a second at most;
    a failure is told at once, and so is the first success after it.
    While Redis is away everything is allowed. Whoever is allowed a call says how it ended, in the
    same thread: while the breaker is half open, that call is the one trial.
    """

    def __init__(
        self,
        shared: Shared,
        account: str,
        name: str,
        *,
        policy: BreakerPolicy,
        random: random.Random,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._shared = shared
        self._script = Script("breaker.lua")
        self._key = key(account, "breakers")
        self._name = name
        self._policy = policy.milliseconds()
        self._random = random
        self._clock = clock
        self._lock = threading.Lock()
        self._looked_at = -_LOOK_EVERY_SECONDS
        self._said_at = -_LOOK_EVERY_SECONDS
        self._closed = True
        self._is_failing = False
        self._open_until = 0.0
        self._well = 0
        self._well_at = -_JUST_NOW_SECONDS
        self._failed = 0
        self._trial_of: int | None = None

    def allows(self) -> Wait | None:
        """Let a call pass (None), or say when to come again."""
        return self._ask(wanted=True)

    def is_open(self) -> Wait | None:
        """Say whether calls have to wait, without asking for a call."""
        return self._ask(wanted=False)

    def succeeded(self) -> None:
        """Record that the peer answered, whatever it said."""
        with self._lock:
            self._well += 1
            self._well_at = now = self._clock()
            is_news = self._is_failing and now >= self._said_at + _LOOK_EVERY_SECONDS
            if is_news:
                self._said_at = now
        if not self._end_trial("well") and is_news:
            self._sync(wanted=False)

    def failed(self) -> bool:
        """Record that the peer was not there; tell whether by now it is taken to be away."""
        with self._lock:
            self._failed += 1
        if not self._end_trial("failed"):
            self._sync(wanted=False)
        return not self._closed

    def undecided(self) -> None:
        """Record that the call was not made after all."""
        self._end_trial("none")

    def _ask(self, *, wanted: bool) -> Wait | None:
        with self._lock:
            now = self._clock()
            if now < self._looked_at + _LOOK_EVERY_SECONDS:
                if self._closed:
                    return None
                if now < self._open_until:
                    return self._wait(now)
                if not wanted:
                    return None
            self._looked_at = now
        return self._sync(wanted=wanted)

    def _sync(self, *, wanted: bool, ending: str = "") -> Wait | None:
        with self._lock:
            well, failed, self._well, self._failed = self._well, self._failed, 0, 0
            just_now = well > 0 and self._clock() <= self._well_at + _JUST_NOW_SECONDS
        calls = (self._name, well, failed, ending, int(wanted))
        reply = self._shared.run(self._script, self._key, *calls, *self._policy, int(just_now))
        state, left, row = reply or (_CLOSED, 0, 0)
        with self._lock:
            now = self._clock()
            self._closed = state == _CLOSED
            self._is_failing = row > 0
            self._open_until = now + left / 1000
            if state == _TRIAL:
                self._trial_of = threading.get_ident()
            if self._closed or state == _TRIAL or (left == 0 and not wanted):
                return None
            return self._wait(now)

    def _end_trial(self, how: str) -> bool:
        """Tell how this thread's trial ended, if it has one."""
        if self._trial_of != threading.get_ident():
            return False
        self._trial_of = None
        self._sync(wanted=False, ending=how)
        return True

    def _wait(self, now: float) -> Wait:
        left = max(0.0, self._open_until - now)
        return Wait(left + self._random.uniform(1.0, _SPREAD_SECONDS), Why.BREAKER)


def read_states(fields: dict[str, str], now: float) -> list[BreakerState]:
    """Read all breakers of an account as Redis keeps them, at an instant since 1970."""
    return [_read_state(name, json.loads(text), now) for name, text in sorted(fields.items())]


def _read_state(name: str, kept: dict[str, float], now: float) -> BreakerState:
    since = kept["since"] / 1000 or None
    if since is None:
        standing = Standing.CLOSED
    else:
        standing = Standing.OPEN if kept["open_until"] / 1000 > now else Standing.TRYING
    failures = int(kept["failed"] + kept["failed_before"])
    calls = failures + int(kept["well"] + kept["well_before"])
    return BreakerState(name, standing, calls, failures, since)
