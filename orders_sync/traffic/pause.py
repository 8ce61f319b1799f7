"""Pauses an account whose credentials VTEX refuses, and finds out when they work again."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final

from orders_sync.traffic.lanes import Wait, Why
from orders_sync.traffic.shared import Script, Shared, key

_LOOK_EVERY_SECONDS: Final = 1.0
_FREE, _PROBE = 0, 2


@dataclass(frozen=True, slots=True)
class PauseState:
    """Why an account is paused; `since` is in seconds since 1970, `cause` what was refused."""

    since: float
    cause: str


class Pause:
    """The pause of one account, shared by all processes.

    Two refusals in a row pause the account, if no call was accepted in the seconds before: a key
    that lacks one permission does not stop what it may do. While the account is paused one call
    passes every `probe_seconds`, as a probe, and the first that is accepted ends the pause. While
    Redis is away nothing is paused; each call then waits for itself.
    """

    def __init__(
        self,
        shared: Shared,
        account: str,
        *,
        probe_seconds: float,
        random: random.Random,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._shared = shared
        self._script = Script("pause.lua")
        self._key = key(account, "pause")
        self._probe_seconds = probe_seconds
        self._random = random
        self._clock = clock
        self._lock = threading.Lock()
        self._looked_at = -_LOOK_EVERY_SECONDS
        self._said_at = -_LOOK_EVERY_SECONDS
        self._probe_at: float | None = None
        self._is_suspect = False

    @property
    def is_paused(self) -> bool:
        """Whether the account was paused when this process last looked."""
        return self._probe_at is not None

    def allows(self) -> Wait | None:
        """Let a call pass (None), as it does for a probe, or say when to come again."""
        with self._lock:
            now = self._clock()
            if now < self._looked_at + _LOOK_EVERY_SECONDS:
                return None if self._probe_at is None else self._wait(now)
            self._looked_at = now
        return self._tell("wanted")

    def accepted(self) -> None:
        """Record that VTEX accepted the account's credentials."""
        with self._lock:
            now = self._clock()
            is_news = self._is_suspect or self._probe_at is not None
            if not is_news and now < self._said_at + _LOOK_EVERY_SECONDS:
                return
            self._said_at = now
        self._tell("accepted")

    def refused(self, what: str) -> None:
        """Record that VTEX refused the account's credentials; `what` names the kind of call."""
        self._tell("refused", what)

    def _tell(self, what: str, *args: str) -> Wait | None:
        every = round(self._probe_seconds * 1000)
        reply = self._shared.run(self._script, self._key, what, every, *args)
        state, left, refusals = reply or (_FREE, 0, 0)
        with self._lock:
            now = self._clock()
            self._is_suspect = refusals > 0
            self._probe_at = None if state == _FREE else now + left / 1000
            return None if state in {_FREE, _PROBE} else self._wait(now)

    def _wait(self, now: float) -> Wait:
        left = max(0.0, (self._probe_at or now) - now)
        return Wait(left + self._random.uniform(1.0, self._probe_seconds), Why.PAUSE)


def read_pause(fields: dict[str, str]) -> PauseState | None:
    """Read an account's pause as Redis keeps it."""
    if "since" not in fields:
        return None
    return PauseState(int(fields["since"]) / 1000, fields.get("cause", ""))
