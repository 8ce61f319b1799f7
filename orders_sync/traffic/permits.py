"""Permits of the ERPs: so many calls of an account are at its ERP at once, in all processes."""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from itertools import count
from time import monotonic
from typing import Any, Final

from orders_sync.traffic.shared import Command, Script, Shared, key

#: Where nobody has called `flush` for so long, nobody will.
_FLUSHED_EVERY_SECONDS: Final = 3.0

#: For how long after it was taken a permit may begin another call.
_REUSED_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Permit:
    """A permit under the name of its `holder`; a call with it has to end before `until`."""

    holder: str
    until: float


class Permits:
    """Gives each account at most as many permits as `limits` says, in all processes together.

    A permit is held under a name that begins with the process's, and expires when its call must
    have ended, so a process that died gives its permits back. What is given back while there are
    many left is kept for the next call, until `flush`, where somebody calls that regularly.
    While Redis is away each of `processes` processes keeps to its own part, one call at least.
    """

    def __init__(
        self,
        shared: Shared,
        limits: Mapping[str, int],
        *,
        process: str,
        processes: int,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._shared = shared
        self._script = Script("permits.lua")
        self._limits = dict(limits)
        self._process = process
        self._processes = max(1, processes)
        self._numbers = count(1)
        self._held: Counter[str] = Counter()
        self._left: Counter[str] = Counter()
        self._spare: dict[str, list[Permit]] = {}
        self._clock = clock
        self._flushed_at = -math.inf
        self._lock = threading.Lock()

    def follow(self, limits: Mapping[str, int]) -> None:
        """Give permits by other limits; those of accounts that are not named stay."""
        self._limits = {**self._limits, **limits}

    def take(self, account: str, seconds: float) -> Permit | None:
        """Take a permit for a call of so many seconds at most; None where all are taken."""
        ends = self._clock() + seconds
        with self._lock:
            spare = self._spare.get(account)
            if spare and spare[-1].until >= ends:
                self._held[account] += 1
                return spare.pop()
            outworn = self._spare.pop(account, [])
        permit = Permit(f"{self._process}/{next(self._numbers)}", ends + _REUSED_SECONDS)
        lasts = max(1, round((seconds + _REUSED_SECONDS) * 1000))
        gone = [each.holder for each in outworn]
        limit = self._limits[account]
        left = self._shared.run(self._script, _key(account), limit, permit.holder, lasts, *gone)
        with self._lock:
            self._left[account] = (left or 0) - 1
            given = self._held[account] < self.part(account) if left is None else left > 0
            self._held[account] += given
        return permit if given else None

    def give_back(self, account: str, permit: Permit) -> None:
        """Give a permit back."""
        with self._lock:
            self._held[account] -= 1
            self._spare.setdefault(account, []).append(permit)
            is_scarce = self._left[account] <= self._limits[account] / 2
        if is_scarce or self._clock() > self._flushed_at + _FLUSHED_EVERY_SECONDS:
            self._tell()

    def flush(self) -> None:
        """Tell of the permits that were given back, in one round trip."""
        self._flushed_at = self._clock()
        self._tell()

    def _tell(self) -> None:
        with self._lock:
            spare, self._spare = self._spare, {}
        self._remove({name: [each.holder for each in permits] for name, permits in spare.items()})

    def forget(self, process: str, accounts: Collection[str]) -> None:
        """Give back all permits of a process that is dead."""
        asked = self._shared.ask([("ZRANGE", _key(name), 0, -1) for name in accounts])
        if asked is None:
            return
        self._remove(
            {
                account: [holder for holder in holders if holder.startswith(f"{process}/")]
                for account, holders in zip(accounts, asked[1], strict=True)
            }
        )

    def _remove(self, holders: Mapping[str, list[Any]]) -> None:
        removals: list[Command] = []
        for account, gone in holders.items():
            if gone:
                removals.append(("ZREM", _key(account), *gone))
        if removals:
            self._shared.ask(removals)

    def look(self, account: str) -> Command:
        """Return the command that asks how many more calls may begin."""
        return (self._script, _key(account), self._limits[account])

    def limit(self, account: str) -> int:
        """Return how many calls may be made at once."""
        return self._limits[account]

    def part(self, account: str) -> int:
        """Return how many calls this process may make at once while Redis is away."""
        return max(1, self._limits[account] // self._processes)


def _key(account: str) -> str:
    return key(account, "erp_permits")
