"""A crowd of tasks that call through a pool of threads, in virtual time."""

from __future__ import annotations

import heapq
import random
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count

from unit.traffic.virtual_time import START

from orders_sync.traffic.bucket import Answer, Bucket
from orders_sync.traffic.lanes import Lane
from orders_sync.traffic.permits import Permits
from orders_sync.traffic.plan import MINUTE, SECOND

Ask = Callable[[int, Lane, int], Answer]


@dataclass(slots=True)
class Asker:
    """Asks one bucket for several processes, each of which keeps the permits that it is given."""

    bucket: Bucket
    processes: int
    questions: int = 0
    permits: list[Permits] = field(init=False)

    def __post_init__(self) -> None:
        self.permits = [Permits(self.bucket.plan.at_once) for _ in range(self.processes)]

    def __call__(self, now: int, lane: Lane, process: int) -> Answer:
        permits = self.permits[process]
        if not self.bucket.held(now) and permits.take(now, lane):
            return Answer(granted=True, micros=0, held=0)
        self.questions += 1
        wanted, untold = permits.question(now, lane)
        answer = self.bucket.ask(now, lane, wanted=wanted)
        if answer.granted:
            permits.granted(now, lane, answer.spare)
        else:
            permits.refused(untold)
        return answer


@dataclass(slots=True)
class Task:
    """One call to be made; `came_at` is when it was wanted."""

    lane: Lane
    came_at: int
    waits: int = 0


@dataclass(slots=True)
class Crowd:
    """Tasks wait in one queue for `threads`; each call takes `latency` once it has its slot.

    `ask` is given the instant, the lane and the number of the process. A task that must wait is
    back after the time it was told and up to a quarter more, as the worker's retries are.
    """

    ask: Ask
    threads: int = 40
    processes: int = 2
    latency: int = SECOND // 10
    seed: int = 1
    made: list[tuple[int, Task]] = field(default_factory=list)
    denied: list[int] = field(default_factory=list)
    longest_in_place: int = 0

    def run(self, tasks: Iterable[tuple[int, Lane]], *, seconds: float) -> None:
        """Let the tasks come and call until the time is over."""
        drawn, order = random.Random(self.seed), count()
        end = START + round(seconds * SECOND)
        events: list[tuple[int, int, Task | None]] = [
            (at, next(order), Task(lane, at)) for at, lane in tasks
        ]
        heapq.heapify(events)
        free, queue = self.threads, deque[Task]()
        while events and events[0][0] < end:
            now, _, task = heapq.heappop(events)
            if task is None:
                free += 1
            else:
                queue.append(task)
            while free and queue:
                free -= 1
                task = queue.popleft()
                busy, back = self._call(now, task, drawn)
                heapq.heappush(events, (now + busy, next(order), None))
                if back is not None:
                    heapq.heappush(events, (back, next(order), task))

    def in_any_minute(self) -> int:
        """Give the most calls that arrived in any 60 seconds."""
        times = sorted(at for at, _ in self.made)
        return max(bisect_left(times, at + MINUTE) - index for index, at in enumerate(times))

    def of(self, lane: Lane, since: float = 0, until: float = 1e6) -> int:
        """Count the calls of a lane between two times, in seconds since the start."""
        first, last = START + since * SECOND, START + until * SECOND
        return sum(task.lane is lane and first <= at < last for at, task in self.made)

    def total(self, since: float, until: float) -> int:
        """Count the calls between two times, in seconds since the start."""
        return sum(self.of(lane, since, until) for lane in Lane)

    def _call(self, now: int, task: Task, drawn: random.Random) -> tuple[int, int | None]:
        answer = self.ask(now, task.lane, drawn.randrange(self.processes))
        if answer.granted:
            self.longest_in_place = max(self.longest_in_place, answer.micros)
            # A call leaves a little late, by up to a tenth of a second on a bad day.
            self.made.append((now + answer.micros + drawn.randrange(self.latency), task))
            return answer.micros + self.latency, None
        self.denied.append(now)
        task.waits += 1
        wait = max(answer.micros, answer.held)
        return SECOND // 200, now + round(wait * (1 + drawn.random() / 4))
