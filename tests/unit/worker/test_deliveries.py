"""How many threads may send events, so that slow endpoints keep no order waiting."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from orders_sync.domain.steps import Queue
from orders_sync.ledger.processes import Worker
from orders_sync.worker.dispatcher import threads_for

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def worker(threads: int, *queues: Queue) -> Worker:
    return Worker("p", "n", frozenset(queues), threads, NOW)


@pytest.mark.parametrize(
    ("workers", "threads"),
    [
        pytest.param([], 0, id="nobody"),
        pytest.param([worker(20, Queue.ORDERS)], 0, id="nobody for this queue"),
        pytest.param([worker(20, Queue.EVENTS)], 20, id="a worker of its own"),
        pytest.param([worker(20, Queue.EVENTS, Queue.ORDERS)], 5, id="a quarter"),
        pytest.param([worker(1, Queue.EVENTS, Queue.ORDERS)], 1, id="one at least"),
        pytest.param(
            [worker(10, Queue.EVENTS), worker(20, Queue.EVENTS, Queue.ORDERS)], 15, id="both"
        ),
    ],
)
def test_workers_with_other_work_give_events_a_quarter_of_their_threads(
    workers: list[Worker], threads: int
) -> None:
    assert threads_for(workers) == threads
