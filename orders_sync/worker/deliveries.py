"""Puts deliveries that are due on their queue: each endpoint in turn, a bounded number at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from orders_sync.domain.steps import Queue
from orders_sync.domain.time import Clock
from orders_sync.ledger import Ledger
from orders_sync.ledger.processes import Worker
from orders_sync.worker.dispatcher import MESSAGES_A_THREAD

#: The task that sends an event.
SEND: Final = f"{Queue.EVENTS}.send"

#: Endpoints get this share of threads that do other work too.
_SHARE: Final = 0.25


@dataclass(frozen=True, slots=True)
class DeliveryMessage:
    """A delivery that is to be put on its queue."""

    endpoint: str
    delivery: int


@dataclass(slots=True)
class DeliveryDispatcher:
    """Dispatches deliveries; `send` puts them on their queue, `lengths` tells what lies in each.

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
    return own + (max(1, int(shared * _SHARE)) if shared else 0)
