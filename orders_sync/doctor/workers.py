"""Examines the workers: who answers, and is every queue taken from?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from orders_sync.doctor.findings import Finding, State
from orders_sync.settings import Settings
from orders_sync.worker.queues import Queue

_WORKERS = "workers"
_START = "celery -A orders_sync worker -P threads -Q"

#: Time for the answers of all workers; an idle one answers in a few milliseconds.
_ANSWER_SECONDS = 2.0


def examine_workers(app: Any, settings: Settings) -> Iterator[Finding]:
    """Ask all workers which queues they take from."""
    answers = app.control.inspect(timeout=_ANSWER_SECONDS).active_queues() or {}
    taken = {name: [queue["name"] for queue in queues] for name, queues in answers.items()}
    yield from judge_workers(taken, settings.intake_queue)


def judge_workers(taken: Mapping[str, Sequence[str]], intake_queue: str) -> Iterator[Finding]:
    """Say who is alive and which queues nobody takes from; `taken` is worker: its queues."""
    needed = [*Queue, intake_queue]
    if not taken:
        yield Finding(
            _WORKERS,
            "alive",
            State.FAILED,
            "none answers",
            f"Start: orders-sync up, or {_START} {','.join(needed)}",
        )
        return
    yield Finding(_WORKERS, "alive", State.OK, ", ".join(sorted(taken)))
    served = {queue for queues in taken.values() for queue in queues}
    idle = [str(queue) for queue in needed if queue not in served]
    if idle:
        says = f"nobody takes from {', '.join(idle)}"
        yield Finding(_WORKERS, "queues", State.FAILED, says, f"Start: {_START} {','.join(idle)}")
    else:
        yield Finding(_WORKERS, "queues", State.OK, "every queue is taken from")
