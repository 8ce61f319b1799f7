"""Examines the workers: who answers, is every queue taken from, and does each worker consume?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from orders_sync.bootstrap import with_broker
from orders_sync.broker.channel import Channel
from orders_sync.broker.client import BROKER_AWAY, broker_client
from orders_sync.broker.liveness import LivingWorker, living_workers
from orders_sync.doctor.findings import Finding, State
from orders_sync.domain.steps import Queue
from orders_sync.errors import ConfigurationError
from orders_sync.metrics.shared import read_state
from orders_sync.settings import Settings
from orders_sync.worker.app import client_app

WORKERS: Final = "workers"
_START = "celery -A orders_sync worker -P threads -Q"

#: Time for the answers of all workers; an idle one answers in a few milliseconds.
_ANSWER_SECONDS = 2.0


def examine_workers(app: Any, settings: Settings) -> Iterator[Finding]:
    """Ask all workers which queues they take from, and the broker which of them consume."""
    answers = app.control.inspect(timeout=_ANSWER_SECONDS).active_queues() or {}
    taken = {name: [queue["name"] for queue in queues] for name, queues in answers.items()}
    yield from judge_workers(taken, settings.intake_queue)
    with broker_client(app) as client:
        living = living_workers(client, heard_of_seconds=Channel.consumer_silence)
    yield from judge_consumption(living, settings.silence_seconds)
    yield from judge_held(living, settings.lease_seconds)


def read_taking(settings: Settings) -> tuple[int, Sequence[LivingWorker]]:
    """Return how many messages wait where beat sends its ticks, and the workers that live.

    A broker that is away says neither: that is another finding.
    """
    try:
        with broker_client(client_app(with_broker(settings))) as client:
            (ticks,) = read_state(client, [Queue.FEED.value]).waiting.values()
            return ticks, living_workers(client, heard_of_seconds=Channel.consumer_silence)
    except (ConfigurationError, *BROKER_AWAY):
        return 0, ()


def judge_workers(taken: Mapping[str, Sequence[str]], intake_queue: str) -> Iterator[Finding]:
    """Say who is alive and which queues nobody takes from; `taken` is worker: its queues."""
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
    """Name the workers that live and consume nothing, for `silence` seconds at least."""
    deaf = [worker for worker in living if worker.silent_seconds > silence]
    if deaf:
        named = ", ".join(f"{each.node} for {each.silent_seconds:.0f} s" for each in deaf)
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
    """Name the workers with messages in hand for more than `lease` seconds: calls that hang."""
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
