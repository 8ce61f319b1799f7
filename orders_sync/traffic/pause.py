"""Stops the calls that VTEX refuses to an account's key, and finds out when it allows them."""

from __future__ import annotations

import json
import math
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final

from orders_sync.traffic.shared import LuaScript, Shared, key
from orders_sync.traffic.waits import Delay, Why

_LOOK_EVERY_SECONDS: Final = 1.0
#: For so long a call that was accepted speaks for the key; rarer calls are not worth telling of.
_CALM_SECONDS: Final = 2.0
#: The scope of a refusal that concerns all calls; any other scope is a group of calls.
_ACCOUNT: Final = "account"


@dataclass(frozen=True, slots=True)
class PauseState:
    """A pause: `cause` is the group of calls that was refused.

    `since` and `probe_at`, when a call may be tried, are in seconds since 1970.
    """

    since: float
    cause: str
    probe_at: float = 0.0


class Pause:
    """The calls of one account that are paused, in all processes.

    A key that VTEX does not know (401) pauses the account. One that may not make a call (403, or
    the login page) pauses only that group of calls: a permission is missing, and the rest goes on.
    Two refusals in a row do so, if no call was accepted in the seconds before. While something is
    paused one of its calls passes every `probe_seconds`, as a probe, and the first that is accepted
    ends the pause. While Redis is away nothing is paused; each call then waits for itself.
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
        self._script = LuaScript("pause.lua")
        self._key = pauses_key(account)
        self._probe_seconds = probe_seconds
        self._random = random
        self._clock = clock
        self._lock = threading.Lock()
        self._looked_at = -_LOOK_EVERY_SECONDS
        self._told_at = self._accepted_at = -math.inf
        #: Groups whose calls were accepted since that was told last.
        self._accepted: set[str] = set()
        #: When each scope that was refused last is probed; None where it is not paused.
        self._refused: dict[str, float | None] = {}

    @property
    def is_paused(self) -> bool:
        """Whether the whole account was paused when this process last looked."""
        return self._refused.get(_ACCOUNT) is not None

    def allows(self, group: str) -> Delay | None:
        """Return None where a call may pass, perhaps as a probe, else when to come again."""
        with self._lock:
            now = self._clock()
            wait = self._wait(group, now)
            is_due = wait is not None and now >= self._probe_at(group)
            if now < self._looked_at + _LOOK_EVERY_SECONDS and not is_due:
                return wait
            self._looked_at = now
        return self._tell(group, "wanted", group)

    def accepted(self, group: str) -> None:
        """Record that VTEX accepted a call of the group."""
        with self._lock:
            self._accepted.add(group)
            now, before = self._clock(), self._accepted_at
            self._accepted_at = now
            is_refused = group in self._refused or _ACCOUNT in self._refused
            is_rare = now > before + _CALM_SECONDS
            if not is_refused and (is_rare or now < self._told_at + _LOOK_EVERY_SECONDS):
                return
            self._told_at = now
            groups, self._accepted = self._accepted, set()
        self._tell(group, "accepted", _ACCOUNT, *groups)

    def refused(self, group: str, *, is_key_unknown: bool) -> None:
        """Record that VTEX refused a call of the group, and maybe the key as such."""
        with self._lock:
            self._accepted.discard(group)
        self._tell(group, "refused", _ACCOUNT if is_key_unknown else group, group)

    def lift(self) -> None:
        """Forget all refusals: the account has another key."""
        self._shared.ask([("DEL", self._key)])
        with self._lock:
            self._refused = {}
            self._looked_at = -_LOOK_EVERY_SECONDS

    def _tell(self, group: str, what: str, *args: str) -> Delay | None:
        every = round(self._probe_seconds * 1000)
        reply = self._shared.run(self._script, self._key, every, what, *args)
        may, *refused = reply or (1,)
        with self._lock:
            now = self._clock()
            self._refused = {
                scope: None if left < 0 else now + left / 1000
                for scope, left in zip(refused[::2], refused[1::2], strict=True)
            }
            return None if may else self._wait(group, now)

    def _wait(self, group: str, now: float) -> Delay | None:
        if not self._refused or (not self.is_paused and self._refused.get(group) is None):
            return None
        left = max(0.0, self._probe_at(group) - now)
        why = Why.PAUSE if self.is_paused else Why.FORBIDDEN
        return Delay(left + self._random.uniform(1.0, self._probe_seconds), why)

    def _probe_at(self, group: str) -> float:
        return max(self._refused.get(scope) or 0.0 for scope in (_ACCOUNT, group))


def pauses_key(account: str) -> str:
    """Return the key of an account's pauses."""
    return key(account, "pauses")


def read_pauses(fields: dict[str, str]) -> tuple[PauseState | None, tuple[PauseState, ...]]:
    """Read the account's pause as Redis keeps it, and those of single groups of calls."""
    kept_by_scope = {scope: json.loads(text) for scope, text in sorted(fields.items())}
    states = {
        scope: PauseState(kept["since"] / 1000, kept["group"], kept["probe_at"] / 1000)
        for scope, kept in kept_by_scope.items()
        if kept["since"]
    }
    return states.pop(_ACCOUNT, None), tuple(states.values())
