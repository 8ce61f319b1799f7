"""Celery's consumer, which sees checked messages only, loses none, and leaves in order.

Celery trusts its messages, and catches little of what is raised around a task: reading a body again
in the thread, telling of an event, storing a result. A thread's future keeps such an error to
itself, and the message stays in hand, with the slot that it takes up.
This consumer answers the control commands that look, and refuses those that change a worker.
When it is told to stop, Celery gives back what has not begun only after the last task has ended,
and hears of no second SIGTERM.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import structlog
from celery import signals
from celery.worker import state
from celery.worker.consumer import Consumer as CeleryConsumer
from celery.worker.consumer.control import Control
from celery.worker.control import Panel
from redis.exceptions import ResponseError

from orders_sync.broker.envelope import (
    MOST_TAKES,
    NEVER_ENDED,
    BadEnvelope,
    message_for_celery,
    read_envelope,
)
from orders_sync.broker.liveness import pulse_of

log = structlog.get_logger(__name__)

#: Seconds between the events that show a worker as online in Flower, where none are given.
_SHOWN_EVERY: Final = 10

#: Seconds between two tries to connect; Celery's own grow to half a minute.
_RECONNECTION: Final = {"interval_start": 1, "interval_step": 1, "interval_max": 4}

#: Seconds between two tries to consume from a broker that can be reached, and refuses.
_REFUSED_SECONDS: Final = 2.0
_REASON_LENGTH: Final = 200

#: The exit status of a worker that was forced to end, as Celery's own cold shutdown has it.
_FORCED_STATUS = 1

#: How long a worker that was told to stop, and runs nothing, may take to leave.
_LEAVING_SECONDS: Final = 8.0
_LOOK_SECONDS: Final = 0.25


Handler = Callable[..., Any]

#: Control commands that change nothing but what a worker tells of itself; Flower needs them.
_HARMLESS: Final = frozenset({"enable_events", "heartbeat"})

#: It is for looking, and writes a file.
_WRITES: Final = frozenset({"objgraph"})


class Consumer(CeleryConsumer):
    """Sets aside what no task here can work on.

    Celery drops such a message and logs its body, which may be personal data.

    Of the app's transport options these are its own: from the queue `intake_queue` only tasks
    whose names begin with `intake_prefix` are taken, which other services send; `allow_control`
    lets broadcasts change the worker.
    """

    def __init__(
        self,
        on_task_request: Callable[[Any], Any],
        *args: Any,
        worker_options: Mapping[str, Any],
        **kwargs: Any,
    ) -> None:
        # Celery's own two seconds are costly for a worker that has nothing to do.
        interval = worker_options.get("heartbeat_interval") or _SHOWN_EVERY
        worker_options = {**worker_options, "heartbeat_interval": interval}
        super().__init__(guarded(on_task_request), *args, worker_options=worker_options, **kwargs)
        options = self.app.conf.broker_transport_options
        self._options = {**options, "node": self.hostname}
        self._intake_queue = options.get("intake_queue")
        self._intake_prefix = options.get("intake_prefix", "\0")
        self._sure_end = SureEnd(self)
        guard_pool(self.pool)
        if not options.get("allow_control", False):
            read_only(self)
        pulse_of(self._options).remove()

    def connection_for_read(self, heartbeat: Any = None) -> Any:
        """Connect to take messages, with a pulse in this worker's name."""
        connect = self.app.connection_for_read
        connection = connect(heartbeat=heartbeat, transport_options=self._options)
        connection = self.ensure_connected(connection)
        connection.transport.check = self.check
        return connection

    def connection_for_write(self, url: Any = None, heartbeat: Any = None) -> Any:
        """Connect to tell of this worker, which the loop does too: it may be held up there."""
        connect = self.app.connection_for_write
        connection = connect(url, heartbeat=heartbeat, transport_options=self._options)
        return self.ensure_connected(connection)

    def ensure_connected(self, conn: Any) -> Any:
        """Connect, and try again every few seconds for as long as the broker is away."""
        conn.ensure_connection = partial(conn.ensure_connection, **_RECONNECTION)
        return super().ensure_connected(conn)

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        """Wait for a broker that can be reached, and refuses; Celery would try without a rest."""
        if not isinstance(exc, ResponseError):
            super().on_connection_error_before_connected(exc)
            return
        log.error("broker.refuses", reason=str(exc)[:_REASON_LENGTH], retry_in=_REFUSED_SECONDS)
        pulse_of(self._options).tried()
        time.sleep(_REFUSED_SECONDS)

    def check(self, payload: Any, queue: str, tag: str) -> dict[str, Any]:
        """Return what Celery may see of a message.

        Raises:
            BadEnvelope: it is no task's message, of no task here, or never ended.
        """
        envelope = read_envelope(payload)
        name, is_intake = envelope.task, envelope.task.startswith(self._intake_prefix)
        if envelope.takes >= MOST_TAKES:
            text = f"It was taken {envelope.takes} times and never ended."
            raise BadEnvelope(text, NEVER_ENDED, name)
        if name.startswith("celery.") or (queue == self._intake_queue and not is_intake):
            raise BadEnvelope("Its task is not for senders.", "unknown-task", name)
        ignored = [*envelope.links, *(envelope.options if is_intake else ())]
        if ignored:
            log.warning("message.parts_ignored", parts=ignored, task=name, task_id=envelope.id)
        now = datetime.now(UTC)
        return message_for_celery(envelope, queue=queue, tag=tag, is_ours=not is_intake, now=now)

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Any], None]:
        """Return what takes each message; an error of Celery's costs that message alone."""
        handle = super().create_task_handler(*args, **kwargs)

        def on_message(message: Any) -> None:
            try:
                handle(message)
            except self.connection_errors:
                raise
            except Exception as error:  # noqa: BLE001 - no message may end the worker.
                log.error("message.not_handled", cause=type(error).__name__)  # noqa: TRY400 - its text may quote the message.
                message.channel.set_aside_message(message, reason="bad-envelope")

        return on_message

    def stop(self) -> None:
        """Take nothing more, and give back what has not begun, while what runs goes on."""
        # Celery forgets what waits when it stops, and puts it back only after the last task.
        waiting = begin_nothing_more(self)
        super().stop()
        pulse_of(self._options).remove()
        give_back(self, waiting)

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """Set aside a message that kombu cannot read; a broadcast is nobody's only copy."""
        self._set_aside(message, "bad-envelope")
        signals.task_rejected.send(sender=self, message=message, exc=exc)

    def on_unknown_message(self, body: Any, message: Any) -> None:  # noqa: ARG002 - Celery's signature.
        """Set aside a message that names no task."""
        self._set_aside(message, "bad-envelope")
        signals.task_rejected.send(sender=self, message=message, exc=None)

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:  # noqa: ARG002 - Celery's signature.
        """Set aside a message for a task that is not here: a wrong name, or of a later version."""
        name, task_id = message.headers["task"], message.headers["id"]
        self._set_aside(message, "unknown-task", name)
        signals.task_unknown.send(sender=self, message=message, exc=exc, name=name, id=task_id)

    def on_invalid_task(self, body: Any, message: Any, exc: Exception) -> None:  # noqa: ARG002 - Celery's signature.
        """Set aside a message whose headers or content type a task may not have."""
        self._set_aside(message, "invalid-task", message.headers["task"])
        signals.task_rejected.send(sender=self, message=message, exc=exc)

    @staticmethod
    def _set_aside(message: Any, reason: str, name: str = "") -> None:
        if hasattr(message, "taken_from"):
            message.channel.set_aside_message(message, reason=reason, name=name)


class GuardedExecutor(ThreadPoolExecutor):
    """Threads that give a message back where it was not the task that failed."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a call of Celery's pool, whose arguments hold a method of the request."""
        future = super().submit(function, *args, **kwargs)
        owners = (getattr(argument, "__self__", None) for argument in args)
        request = next((owner for owner in owners if hasattr(owner, "acknowledged")), None)
        if request is not None:
            future.add_done_callback(partial(_look_at, request))
        return future


def guard_pool(pool: Any) -> None:
    """Make a pool of threads, which has not begun, run its calls on guarded ones."""
    if isinstance(getattr(pool, "executor", None), ThreadPoolExecutor):
        pool.executor = GuardedExecutor(max_workers=pool.limit)


def guarded(on_task_request: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a function that hands a request to the pool, and gives back what it does not take."""

    def hand_over(request: Any) -> Any:
        try:
            return on_task_request(request)
        except Exception as error:  # noqa: BLE001 - of whatever kind, it is not the task's.
            give_up(request, error)
            return None

    return hand_over


def give_up(request: Any, error: BaseException) -> None:
    """Put a request's message back, to be tried again; after a few times it is set aside."""
    log.error(
        "message.not_ended", task=request.name, task_id=request.id, cause=type(error).__name__
    )
    state.task_ready(request)
    try:
        request.reject(requeue=True)
    except Exception as failure:  # noqa: BLE001 - the event of it may fail as well.
        log.warning("message.reject_failed", cause=type(failure).__name__)


def _look_at(request: Any, future: Future[Any]) -> None:
    error = None if future.cancelled() else future.exception()
    if error is not None:
        give_up(request, error)


def begin_nothing_more(consumer: Any) -> set[str]:
    """Stop a consumer's threads from beginning more; return the tags of what they have not begun.

    A pool of processes may begin what it was handed at any moment: of its messages, only those are
    returned that are not due yet.
    """
    waiting = _copied(state.scheduled_requests)
    executor = getattr(consumer.pool, "executor", None)
    if executor is not None:
        # Celery's pool does so as well, and waits for those that run.
        executor.shutdown(wait=False, cancel_futures=True)
        waiting |= _copied(state.reserved_requests)
    begun = _copied(state.active_requests)
    return {request.message.delivery_tag for request in waiting - begun}


def give_back(consumer: Any, tags: set[str]) -> None:
    """Put back messages of a consumer that takes nothing more, so that others have them."""
    channel = consumer.task_consumer.channel if consumer.task_consumer else None
    if channel is None or not channel.is_connected:
        return
    try:
        number = channel.give_back(tags)
    except channel.connection_errors as error:
        log.info("messages.not_given_back", cause=type(error).__name__)
    else:
        log.info("messages.given_back", number=number)


class SureEnd:
    """Ends a worker that was told to stop, whatever holds it up: a task, or a silent broker.

    A second SIGTERM ends it at once. One that runs nothing has a few seconds to leave: each of its
    questions to a broker that is silent lasts until its time-out, and Celery tries some for ever.
    """

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer
        signals.worker_shutting_down.connect(self._begin)

    def _begin(self, **_: Any) -> None:
        signal.signal(signal.SIGTERM, self._end)
        threading.Thread(target=self._end_idle, name="leaving", daemon=True).start()

    def _end(self, *_: object) -> None:
        # Threads cannot be stopped, and Python would wait for them. What they were at stays
        # recorded as taken, and goes on with others.
        os.write(2, b"orders-sync: forced to end; what runs is given to other workers.\n")
        with suppress(Exception):
            self._consumer.task_consumer.channel.vanish()
        os._exit(_FORCED_STATUS)

    def _end_idle(self) -> None:
        idle_seconds = 0.0
        while idle_seconds < _LEAVING_SECONDS:
            time.sleep(_LOOK_SECONDS)
            idle_seconds = 0.0 if state.active_requests else idle_seconds + _LOOK_SECONDS
        os.write(2, b"orders-sync: ended without a goodbye: the broker does not answer.\n")
        os._exit(0)


def read_only(consumer: Any) -> None:
    """Make a consumer refuse every broadcast command that changes something.

    Everybody who reaches the broker can broadcast commands. Those that look are answered; those
    that change a worker, or drop a task, are refused.
    https://docs.celeryq.dev/en/stable/userguide/workers.html#remote-control
    """
    for step in consumer.steps:
        if isinstance(step, Control):
            step.box.node.handlers = looking_only(Panel.data, Panel.meta)


def looking_only(handlers: Mapping[str, Handler], about: Mapping[str, Any]) -> dict[str, Handler]:
    """Return handlers of the same names; `about` tells the type of each command."""
    harmless = {
        handlers[name]
        for name, command in about.items()
        if (command.type == "inspect" and name not in _WRITES) or name in _HARMLESS
    }
    kept = {
        name: handler if handler in harmless else _refusal(name)
        for name, handler in handlers.items()
    }
    return {**kept, "hello": _without_revoked(handlers["hello"])}


def _refusal(name: str) -> Handler:
    def refuse(state: Any, **_: Any) -> dict[str, str]:  # noqa: ARG001 - Celery's signature.
        log.warning("control.refused", command=name)
        return {"error": f"{name} is refused: set ORDERS_SYNC_ALLOW_CONTROL=true to allow it."}

    return refuse


def _without_revoked(hello: Handler) -> Handler:
    """Return `hello`, by which workers also tell each other what was revoked."""

    def greet(state: Any, from_node: str, revoked: Any = None, **options: Any) -> Any:  # noqa: ARG001
        return hello(state, from_node, None, **options)

    return greet


def _copied(requests: Iterable[Any]) -> set[Any]:
    """Copy a set that the threads of tasks change meanwhile."""
    while True:
        try:
            return set(requests)
        except RuntimeError:
            continue
