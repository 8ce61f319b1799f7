"""Puts due work on its queues: fairly over accounts, within windows, past gates that are closed.

Events that are due go to their endpoints' queue, each endpoint in turn, a bounded number at once.

What waits costs nothing here: it is found by account and step, and looked at only where there is
room for it and its gate is open.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import structlog

from orders_sync.domain.steps import Dispatch, Queue, Step
from orders_sync.domain.time import Clock
from orders_sync.ledger import Ledger
from orders_sync.ledger.due_work import Due, Heap
from orders_sync.ledger.processes import Worker
from orders_sync.traffic.waits import Gates
from orders_sync.worker.calls import CALLS, ERP_STEPS

log = structlog.get_logger(__name__)

#: At most so many messages wait in the broker for a thread of a queue.
MESSAGES_A_THREAD: Final = 2

#: An account has at most this share of the threads, so that others find some free.
_SHARE: Final = 0.75
_LEAST: Final = 4

#: So many accounts are served in one tick; the others are first in the tick after.
_ACCOUNTS_A_TICK: Final = 100

#: The task that sends an event.
SEND: Final = f"{Queue.EVENTS}.send"

#: Endpoints get this share of threads that do other work too.
_EVENTS_SHARE: Final = 0.25

_URGENT: Final = frozenset(step for step in Step if step.queue is Queue.CANCEL)


def open_gates(accounts: Sequence[str]) -> Mapping[str, Gates]:
    """Return gates that are open."""
    return dict.fromkeys(accounts, Gates(erp_permits=sys.maxsize))


@dataclass(frozen=True, slots=True)
class WorkerThreads:
    """The threads of the workers that live, by queue."""

    threads: Mapping[Queue, int]
    all_threads: int

    @classmethod
    def of(cls, workers: Sequence[Worker]) -> WorkerThreads:
        """Count the threads of workers."""
        serving = {
            queue: sum(worker.threads for worker in workers if worker.serves(queue))
            for queue in Queue
        }
        return cls(serving, sum(worker.threads for worker in workers))

    @property
    def account_window(self) -> int:
        """How much one account may have under way in all queues."""
        return share_of(self.all_threads)

    @property
    def total_window(self) -> int:
        """How much all accounts together may have under way."""
        return self.all_threads * (1 + MESSAGES_A_THREAD)


def share_of(threads: int) -> int:
    """Return how many of so many threads one account may use."""
    return max(_LEAST, int(threads * _SHARE))


@dataclass(slots=True)
class Dispatcher:
    """Dispatches what is due, a bounded number of steps at a time.

    `send` puts steps on their queues; `lengths` counts the messages in each; `gates` returns what
    is closed for accounts. The work of an account that `rests` is passed over as a whole.
    """

    ledger: Ledger
    clock: Clock
    send: Callable[[Sequence[Dispatch]], None]
    lengths: Callable[[], Mapping[Queue, int]]
    gates: Callable[[Sequence[str]], Mapping[str, Gates]]
    rests: Callable[[str], bool] = lambda _: False
    _ticks: int = 0
    _turns: dict[Heap, int] = field(default_factory=dict)

    def tick(self, pool: WorkerThreads) -> int:
        """Dispatch once; return the number of steps."""
        now = self.clock()
        due = [
            row
            for row in self.ledger.due_work.find(now=now)
            if not self.rests(row.account) and self._is_readable(row, now)
        ]
        if not due:
            return 0
        room = _Room(pool, self.ledger.due_work.under_way(now=now), self.lengths())
        in_turn = self._in_turn(due, room)
        gates = self.gates(list(dict.fromkeys(row.account for row in in_turn)))
        return sum(self._dispatch(row, gates[row.account], room, now) for row in in_turn)

    def _is_readable(self, due: Due, now: datetime) -> bool:
        """Park rows whose step is unknown here."""
        if due.step in set(Step):
            return True
        number = self.ledger.due_work.park_unreadable(due.account, due.step, now=now)
        log.error("row.unreadable", account=due.account, rows=number)
        return False

    def _in_turn(self, due: Sequence[Due], room: _Room) -> Sequence[Due]:
        """Return what its queue has room for, in its turn, of a bounded number of accounts.

        Cancellations go first, then what had its last turn the longest ago, then what has been due
        for longest. What finds its queue full keeps its turn.
        """
        last = self._ticks
        self._ticks += 1
        self._turns = {key: self._turns.get(key, last) for key in map(_key, due)}
        waiting = sorted(
            (row for row in due if room.in_queue(Step(row.step).queue) > 0),
            key=lambda row: (
                row.step not in _URGENT,
                self._turns[_key(row)],
                row.since,
                row.account,
            ),
        )
        accounts = list(dict.fromkeys(row.account for row in waiting))[:_ACCOUNTS_A_TICK]
        chosen = set(accounts)
        return [row for row in waiting if row.account in chosen]

    def _dispatch(self, due: Due, gates: Gates, room: _Room, now: datetime) -> int:
        step = Step(due.step)
        if room.in_queue(step.queue) <= 0:
            return 0
        self._turns[_key(due)] = self._ticks
        limit = room.for_step(due.account, step, gates)
        if limit <= 0 or gates.closed_for(CALLS[step]) > 0:
            return 0
        if gates.probing(CALLS[step]):
            limit = 0 if room.is_under_way(due.account, step) else 1
        taken = self.ledger.due_work.take(due.account, step, limit=limit, now=now)
        if taken:
            room.took(due.account, step, len(taken))
            self.send(taken)
        return len(taken)


@dataclass(frozen=True, slots=True)
class DeliveryMessage:
    """A delivery that is to be put on its queue."""

    endpoint: str
    delivery: int


@dataclass(slots=True)
class DeliveryDispatcher:
    """Dispatches deliveries; `send` puts them on their queue, `lengths` counts its messages.

    An endpoint has at most `at_once` under way, and no more than its part of the threads.
    """

    ledger: Ledger
    clock: Clock
    send: Callable[[Sequence[DeliveryMessage]], None]
    lengths: Callable[[], Mapping[Queue, int]]
    at_once: int
    _turn: int = 0

    def tick(self, workers: Sequence[Worker]) -> int:
        """Dispatch once; return the number of deliveries."""
        now, deliveries = self.clock(), self.ledger.deliveries
        threads = threads_for(workers)
        due = deliveries.due(now=now) if threads else []
        if not due:
            return 0
        waiting = self.lengths().get(Queue.EVENTS, 0)
        room = min(threads - deliveries.under_way(now=now), threads * MESSAGES_A_THREAD - waiting)
        # An endpoint's part is small where many have something due, so that none takes it all.
        at_once = max(1, min(self.at_once, threads // len(due)))
        self._turn += 1
        first = self._turn % len(due)
        messages: list[DeliveryMessage] = []
        for endpoint in (*due[first:], *due[:first]):
            left = room - len(messages)
            if left <= 0:
                break
            taken = deliveries.take(endpoint, at_once=at_once, limit=left, now=now)
            messages += [DeliveryMessage(endpoint, seq) for seq in taken]
        self.send(messages)
        return len(messages)


def threads_for(workers: Sequence[Worker]) -> int:
    """Return how many threads may send events at once, so that other work finds some free."""
    serving = [worker for worker in workers if worker.serves(Queue.EVENTS)]
    own = sum(worker.threads for worker in serving if len(worker.queues) == 1)
    shared = sum(worker.threads for worker in serving) - own
    return own + (max(1, int(shared * _EVENTS_SHARE)) if shared else 0)


def _key(due: Due) -> Heap:
    return due.account, due.step


class _Room:
    """The room for more dispatches in one tick."""

    def __init__(
        self, pool: WorkerThreads, under_way: Counter[Heap], lengths: Mapping[Queue, int]
    ) -> None:
        self._pool = pool
        self._under_way = under_way
        self._lengths = Counter(lengths)
        self._of_account: Counter[str] = Counter()
        self._of_queue: Counter[tuple[str, Queue]] = Counter()
        for (account, step), number in under_way.items():
            self._of_account[account] += number
            if step in set(Step):
                self._of_queue[account, Step(step).queue] += number

    def for_step(self, account: str, step: Step, gates: Gates) -> int:
        """Return how many more of an account's steps may be dispatched.

        A cancellation does not wait for the account's other work, however much that is.
        """
        queue = step.queue
        limits = [
            self.in_queue(queue),
            share_of(self._pool.threads[queue]) - self._of_queue[account, queue],
        ]
        if step not in _URGENT:
            pace = max(_LEAST, int(min(gates.per_second, sys.maxsize)))
            limits.append(min(self._pool.account_window, pace) - self._of_account[account])
        if step in ERP_STEPS:
            pace = max(1, int(min(gates.erp_per_second, sys.maxsize)))
            waiting = (
                sum(self._under_way[account, erp_step] for erp_step in ERP_STEPS) - gates.erp_calls
            )
            limits += (gates.erp_permits, pace - max(waiting, 0))
        return min(limits)

    def in_queue(self, queue: Queue) -> int:
        """Return how many more messages a queue may hold; none where nobody serves it."""
        return self._pool.threads[queue] * MESSAGES_A_THREAD - self._lengths[queue]

    def is_under_way(self, account: str, step: Step) -> bool:
        """Check whether one of the account's steps is on its way."""
        return self._under_way[account, step] > 0

    def took(self, account: str, step: Step, number: int) -> None:
        """Count what was dispatched."""
        queue = step.queue
        self._lengths[queue] += number
        self._under_way[account, step] += number
        self._of_account[account] += number
        self._of_queue[account, queue] += number
