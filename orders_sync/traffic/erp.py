"""Calls to the accounts' ERPs: so many at once, and in a minute, in all processes together."""

from __future__ import annotations

import math
import random
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from time import monotonic, sleep
from typing import Any, Final

from orders_sync.errors import ErpUnavailable, ParkedError
from orders_sync.traffic.limiter import RateLimiter, Used
from orders_sync.traffic.shared import Command, LuaScript, Shared, key
from orders_sync.traffic.waits import ERP, Delay, Lane, Why, wait_error

#: Of an ERP without a limit only the holds that it asks for are kept.
_UNLIMITED: Final = 1_000_000

#: Where nobody has called `flush` for so long, nobody will.
_FLUSHED_EVERY_SECONDS: Final = 3.0

#: For how long after it was taken a permit may begin another call.
_REUSED_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class ErpLimits:
    """How many calls may be at an ERP at once, and how many made in a minute; None: no limit."""

    at_once: int = 8
    per_minute: int | None = None


@dataclass(frozen=True, slots=True)
class ErpState:
    """How the traffic with one ERP stands; `permits` more calls may begin beside `calls`.

    Its own pace counts where it `is_paced`.
    """

    permits: int
    calls: int
    used: Used
    is_paced: bool

    @property
    def per_second(self) -> float:
        """The present pace of its calls."""
        return self.used.per_minute / 60 if self.is_paced else math.inf

    @property
    def held_seconds(self) -> float:
        """The seconds until its next call may be made."""
        return max(self.used.held_seconds, self.used.next_seconds if self.is_paced else 0.0)


class ErpTraffic:
    """Lets calls to ERPs begin within their limits; an ERP that asks for a rest gets it.

    `accounts` without limits of their own have the defaults. While Redis is away each of
    `processes` processes keeps to its own part.
    """

    def __init__(
        self,
        shared: Shared,
        accounts: Collection[str],
        limits: Mapping[str, ErpLimits],
        *,
        process: str,
        processes: int,
        random: random.Random,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], None] = sleep,
    ) -> None:
        self._limits = dict.fromkeys(accounts, ErpLimits()) | dict(limits)
        self._random = random
        self._permits = Permits(
            shared, _at_once(self._limits), process=process, processes=processes, clock=clock
        )
        self._limiter = RateLimiter(
            shared,
            _per_minute(self._limits),
            processes=processes,
            name="erp_budget",
            clock=clock,
            sleep=sleep,
        )

    def follow(self, limits: Mapping[str, ErpLimits]) -> None:
        """Keep to other limits; those of accounts that are not named stay."""
        self._limits = {**self._limits, **limits}
        self._permits.follow(_at_once(limits))
        self._limiter.follow(_per_minute(limits))

    @contextmanager
    def call(self, account: str, seconds: float) -> Iterator[None]:
        """Make one call inside, which takes `seconds` at most.

        Raises:
            ErpBusy: as many calls as may be are at the ERP now.
            ErpOverBudget: as many calls as may be were made in this minute.
            ErpOnHold: the ERP asked for a rest.
        """
        permit = self._permits.take(account, seconds)
        if permit is None:
            raise wait_error(account, ERP, Delay(self._spread(), Why.PERMITS))
        try:
            delay = self._take_slot(account)
            if delay is not None:
                raise wait_error(account, ERP, delay)
            yield
        except ErpUnavailable as error:
            if error.retry_after is not None:
                self._limiter.refused(account, error.retry_after)
            raise
        except ParkedError:
            self._limiter.accepted(account)
            raise
        else:
            self._limiter.accepted(account)
        finally:
            self._permits.give_back(account, permit)

    def rest(self, account: str) -> Delay | None:
        """Return for how long the account's ERP asked not to be called, if this process knows."""
        held = self._limiter.hold_left(account) if account in self._limits else 0.0
        return Delay(held + self._spread(), Why.ERP_HOLD) if held else None

    def is_paced(self, account: str) -> bool:
        """Check whether the account's ERP may be called so many times in a minute only."""
        limits = self._limits.get(account)
        return limits is not None and limits.per_minute is not None

    def look(self, account: str) -> list[Command]:
        """Return the commands that ask how the traffic stands; `read` reads their replies."""
        return [self._permits.look(account), self._limiter.look(account)]

    def read(self, account: str, replies: Sequence[Any]) -> ErpState:
        """Read the replies to `look`."""
        permits, budget = replies
        calls = self._permits.limit(account) - permits
        used = self._limiter.read(account, budget)
        return ErpState(permits, calls, used, self.is_paced(account))

    def part(self, account: str) -> tuple[int, float]:
        """Return this process's calls at once, and in a second, while Redis is away."""
        is_paced = self.is_paced(account)
        pace = self._limiter.careful_pace(account) if is_paced else math.inf
        return self._permits.part(account), pace

    def flush(self) -> None:
        """Send the permits that were given back; to be called every second or so."""
        self._permits.flush()

    def forget(self, process: str, accounts: Collection[str]) -> None:
        """Return all permits of a process that is dead."""
        self._permits.forget(process, accounts)

    def _take_slot(self, account: str) -> Delay | None:
        """Take a slot for one call (None), or return what it waits for."""
        if not self.is_paced(account):
            self._limiter.held(account)
            return self.rest(account)
        delay = self._limiter.acquire(account, Lane.CANCEL)
        if delay is None:
            return None
        return Delay(delay.seconds, Why.ERP_HOLD if delay.why is Why.HOLD else Why.ERP_BUDGET)

    def _spread(self) -> float:
        """Return seconds after which one of those who wait for the same thing comes back."""
        return self._random.uniform(0.5, 2.0)


@dataclass(frozen=True, slots=True)
class Permit:
    """A permit under the name of its `holder`; a call with it has to end before `until`."""

    holder: str
    until: float


class Permits:
    """The permits of each account, as many as `limits` says, in all processes together.

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
        self._script = LuaScript("permits.lua")
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
        """Keep to other limits; those of accounts that are not named stay."""
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
        gone = [spent.holder for spent in outworn]
        limit = self._limits[account]
        left = self._shared.run(self._script, _key(account), limit, permit.holder, lasts, *gone)
        with self._lock:
            self._left[account] = (left or 0) - 1
            given = self._held[account] < self.part(account) if left is None else left > 0
            self._held[account] += given
        return permit if given else None

    def give_back(self, account: str, permit: Permit) -> None:
        """Return a permit."""
        with self._lock:
            self._held[account] -= 1
            self._spare.setdefault(account, []).append(permit)
            is_scarce = self._left[account] <= self._limits[account] / 2
        if is_scarce or self._clock() > self._flushed_at + _FLUSHED_EVERY_SECONDS:
            self._send_back()

    def flush(self) -> None:
        """Send the permits that were given back, in one round trip."""
        self._flushed_at = self._clock()
        self._send_back()

    def _send_back(self) -> None:
        with self._lock:
            spare, self._spare = self._spare, {}
        self._remove(
            {name: [permit.holder for permit in permits] for name, permits in spare.items()}
        )

    def forget(self, process: str, accounts: Collection[str]) -> None:
        """Return all permits of a process that is dead."""
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


def _at_once(limits: Mapping[str, ErpLimits]) -> dict[str, int]:
    return {account: limit.at_once for account, limit in limits.items()}


def _per_minute(limits: Mapping[str, ErpLimits]) -> dict[str, int]:
    return {account: limit.per_minute or _UNLIMITED for account, limit in limits.items()}
