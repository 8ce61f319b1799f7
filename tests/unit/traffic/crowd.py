"""A crowd of tasks that call VTEX through the real limiters of some processes, in virtual time."""

from __future__ import annotations

import heapq
import random
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Protocol

from unit.traffic.virtual_time import START, VirtualTime

from orders_sync.traffic.limiter import SECOND, RateLimiter
from orders_sync.traffic.waits import Lane


class Limit(Protocol):
    """VTEX's own limit."""

    def take(self, now: float, /) -> float | None:
        """Accept a call (None), or refuse it; a negative number of seconds is not told."""
        ...


class NoLimit:
    """Accepts every call."""

    def take(self, _: float) -> float | None:
        """Accept a call."""
        return None


@dataclass(slots=True)
class Task:
    """One call to be made; `came_at` is when it was due."""

    lane: Lane
    came_at: int
    waits: int = 0


@dataclass
class Crowd:
    """Tasks wait in one queue for `threads`; each call takes `latency` once it has its slot.

    Where it is `endless`, a task whose call was accepted is followed by another like it.
    A task that must wait is back after the time it was told, and up to a quarter more, as the
    worker's retries are. `sleeps` takes what a limiter sleeps. `at` is called with each instant.
    """

    account: str
    limiters: Sequence[RateLimiter]
    time: VirtualTime
    sleeps: list[float]
    limit: Limit = field(default_factory=NoLimit)
    threads: int = 40
    latency: int = SECOND // 10
    seed: int = 1
    endless: bool = False
    at: Callable[[int], None] = lambda _: None
    made: list[tuple[int, Task]] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    denied: int = 0
    longest_in_place: int = 0

    def __post_init__(self) -> None:
        self._drawn = random.Random(self.seed)
        self._order = count()
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._queue: deque[Task] = deque()

    def run(self, tasks: Iterable[tuple[float, Lane]], *, seconds: float) -> None:
        """Let the tasks come, at seconds from now, and call until the time is over.

        What was under way before has no part in it.
        """
        self._events.clear()
        self._queue.clear()
        self._free, end = self.threads, self.time.micros + round(seconds * SECOND)
        for seconds_from_now, lane in tasks:
            task = Task(lane, self.time.micros + round(seconds_from_now * SECOND))
            self._at(task.came_at, partial(self._queue.append, task))
        while self._events and self._events[0][0] < end:
            instant, _, act = heapq.heappop(self._events)
            self.time.micros = instant
            self.at(instant)
            act()
            while self._free and self._queue:
                self._free -= 1
                self._begin(self._queue.popleft())
        self.time.micros = end

    def _at(self, instant: int, act: Callable[[], None]) -> None:
        heapq.heappush(self._events, (instant, next(self._order), act))

    def _begin(self, task: Task) -> None:
        limiter = self._drawn.choice(self.limiters)
        self.sleeps.clear()
        wait = limiter.acquire(self.account, task.lane)
        now, in_place = self.time.micros, round(sum(self.sleeps) * SECOND)
        if wait is None:
            self.longest_in_place = max(self.longest_in_place, in_place)
            late = self._drawn.randrange(self.latency // 2)
            self._at(now + in_place + late, partial(self._arrive, task, limiter))
            return
        self.denied += 1
        task.waits += 1
        self._at(now + SECOND // 200, self._release)
        back = wait.seconds * (1 + self._drawn.random() / 4)
        self._at(now + round(back * SECOND), partial(self._queue.append, task))

    def _arrive(self, task: Task, limiter: RateLimiter) -> None:
        now = self.time.micros
        wait = self.limit.take(self.time.clock())
        if wait is None:
            self.made.append((now, task))
        else:
            self.refused.append(now)
        self._at(now + self.latency // 2, partial(self._answer, task, limiter, wait))

    def _answer(self, task: Task, limiter: RateLimiter, wait: float | None) -> None:
        now = self.time.micros
        self._release()
        if wait is not None:
            back = limiter.refused(self.account, None if wait < 0 else wait)
            self._at(now + round(back * SECOND), partial(self._queue.append, task))
            return
        limiter.accepted(self.account)
        if self.endless:
            self._queue.append(Task(task.lane, now))

    def _release(self) -> None:
        self._free += 1

    def in_any_minute(self) -> int:
        """Return the most calls that arrived in any 60 seconds."""
        times = sorted(at for at, _ in self.made)
        return max(bisect_left(times, at + 60 * SECOND) - n for n, at in enumerate(times))

    def of(self, lane: Lane, since: float = 0, until: float = 1e6) -> int:
        """Count the accepted calls of a lane between two times, in seconds since the start."""
        first, last = START + since * SECOND, START + until * SECOND
        return sum(task.lane is lane and first <= at < last for at, task in self.made)

    def total(self, since: float, until: float) -> int:
        """Count the accepted calls between two times, in seconds since the start."""
        return sum(self.of(lane, since, until) for lane in Lane)

    def part_refused(self, since: float = 0) -> float:
        """Return the part of the calls that was refused from a time on."""
        first = START + since * SECOND
        refused = sum(at >= first for at in self.refused)
        return refused / max(1, refused + self.total(since, 1e6))
