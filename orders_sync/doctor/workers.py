"""Examines the workers: who answers, which queues are served, and who holds up beat's ticks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from orders_sync.broker.client import broker_client
from orders_sync.broker.liveness import LivingWorker
from orders_sync.doctor.findings import Finding, State
from orders_sync.doctor.readings import read_workers
from orders_sync.domain.steps import Queue
from orders_sync.domain.words import count_of
from orders_sync.settings import Settings

WORKERS: Final = "workers"

BEAT: Final = "beat"

_START = "celery -A orders_sync worker -P threads -Q"

#: Time for the answers of all workers; an idle one answers in a few milliseconds.
_ANSWER_SECONDS = 2.0

#: A tick takes milliseconds: a worker that has had a message for so long is held up by it.
_HELD_UP_SECONDS: Final = 30.0

_BAD: Final = (State.FAILED, State.WARNING)


def examine_workers(app: Any, settings: Settings) -> Iterator[Finding]:
    """Examine which queues the workers take from, and which of them consume."""
    answers = app.control.inspect(timeout=_ANSWER_SECONDS).active_queues() or {}
    taken = {name: [queue["name"] for queue in queues] for name, queues in answers.items()}
    yield from judge_workers(taken, settings.intake_queue)
    with broker_client(app) as client:
        living = read_workers(client)
    yield from judge_consumption(living, settings.silence_seconds)
    yield from judge_held(living, settings.lease_seconds)


def judge_workers(taken: Mapping[str, Sequence[str]], intake_queue: str) -> Iterator[Finding]:
    """Yield who is alive and which queues nobody takes from; `taken` is worker: its queues."""
    needed = [*Queue, intake_queue]
    if not taken:
        yield Finding(
            WORKERS,
            "alive",
            State.FAILED,
            "none answers",
            f"Start: orders-sync up, or {_START} {','.join(needed)}",
        )
        return
    yield Finding(WORKERS, "alive", State.OK, ", ".join(sorted(taken)))
    served = {queue for queues in taken.values() for queue in queues}
    idle = [str(queue) for queue in needed if queue not in served]
    if idle:
        says = f"nobody takes from {', '.join(idle)}"
        yield Finding(WORKERS, "queues", State.FAILED, says, f"Start: {_START} {','.join(idle)}")
    else:
        yield Finding(WORKERS, "queues", State.OK, "every queue is taken from")


def judge_consumption(living: Sequence[LivingWorker], silence: float) -> Iterator[Finding]:
    """Yield the workers that live and consume nothing, for `silence` seconds at least."""
    deaf = [worker for worker in living if worker.silent_seconds > silence]
    if deaf:
        named = ", ".join(f"{worker.node} for {worker.silent_seconds:.0f} s" for worker in deaf)
        yield Finding(
            WORKERS,
            "consuming",
            State.FAILED,
            f"alive, but deaf to the broker: {named}",
            "Restart them; kill those that do not end. Their messages go on with others.",
        )
    elif living:
        yield Finding(WORKERS, "consuming", State.OK, "each hears from the broker")


def judge_held(living: Sequence[LivingWorker], lease: float) -> Iterator[Finding]:
    """Yield the workers with messages in hand for more than `lease` seconds: calls that hang."""
    held = {
        worker.node: late
        for worker in living
        if (late := [seconds for seconds in worker.held_seconds if seconds > lease])
    }
    named = ", ".join(
        f"{node} {len(late)}, the oldest for {max(late):.0f} s" for node, late in held.items()
    )
    if named:
        yield Finding(
            WORKERS,
            "in hand",
            State.WARNING,
            f"messages that do not end, each with a thread: {named}",
            "Look what the worker's log said last of them, and at its peers; if the number stays, "
            "restart it: a second SIGTERM ends what hangs, and others go on with it.",
        )
    elif living:
        yield Finding(WORKERS, "in hand", State.OK, f"nothing for longer than {lease:g} s")


def explain_late_polls(
    findings: Iterable[Finding], *, ticks: int, workers: Sequence[LivingWorker]
) -> Iterator[Finding]:
    """Yield the findings, with late polls blamed on workers that do not take what beat sends.

    `ticks` is the number of messages that wait where beat sends its ticks. Workers that the same
    examination found bad are to blame too.
    """
    listed = list(findings)
    are_bad = any(f.subject == WORKERS and f.state in _BAD for f in listed)
    to_blame = _to_blame(ticks, workers)
    is_told = False
    for finding in listed:
        if finding.subject != BEAT or finding.state is not State.FAILED:
            yield finding
        elif are_bad:
            says = f"{finding.says}; whether beat runs shows once the workers work"
            yield Finding(BEAT, finding.check, State.NOT_PROBED, says)
        elif to_blame is None:
            yield finding
        elif not is_told:
            is_told = True
            yield Finding(
                WORKERS,
                "taking",
                State.FAILED,
                f"{finding.says}: {to_blame}",
                "The last lines of the workers' logs say what holds them up; restart them, and "
                "kill those that do not end. Their messages go on with others.",
            )


def _to_blame(ticks: int, workers: Sequence[LivingWorker]) -> str | None:
    held_up = [
        worker.node for worker in workers if max(worker.held_seconds, default=0) > _HELD_UP_SECONDS
    ]
    if held_up:
        return f"calls hold up {', '.join(held_up)}"
    if ticks:
        return f"beat sends, and no worker takes what lies on feed ({count_of(ticks, 'message')})"
    return None
