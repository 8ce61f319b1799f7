"""Celery's consumer, which sees checked messages only, loses none, and leaves in order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import structlog
from celery import signals
from celery.worker.consumer import Consumer as CeleryConsumer

from orders_sync.broker.control import read_only
from orders_sync.broker.departure import ForcedEnd, begin_nothing_more, give_back
from orders_sync.broker.envelope import (
    MOST_TAKES,
    NEVER_ENDED,
    BadEnvelope,
    message_for_celery,
    read_envelope,
)
from orders_sync.broker.guard import guard_pool, guarded
from orders_sync.broker.pulse import pulse_of

log = structlog.get_logger(__name__)


class Consumer(CeleryConsumer):
    """Puts aside what no task here can work on.

    Celery drops such a message and logs its body, which may be personal data.

    Of the app's transport options these are its own: from the queue `intake_queue` only tasks
    whose names begin with `intake_prefix` are taken, which other services send; `allow_control`
    lets broadcasts change the worker.
    """

    def __init__(self, on_task_request: Callable[[Any], Any], *args: Any, **kwargs: Any) -> None:
        super().__init__(guarded(on_task_request), *args, **kwargs)
        options = self.app.conf.broker_transport_options
        self._options = {**options, "node": self.hostname}
        self._intake_queue = options.get("intake_queue")
        self._intake_prefix = options.get("intake_prefix", "\0")
        self._forced_end = ForcedEnd(self)
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
        """Put aside a message that kombu cannot read; a broadcast is nobody's only copy."""
        self._set_aside(message, "bad-envelope")
        signals.task_rejected.send(sender=self, message=message, exc=exc)

    def on_unknown_message(self, body: Any, message: Any) -> None:  # noqa: ARG002 - Celery's signature.
        """Put aside a message that names no task."""
        self._set_aside(message, "bad-envelope")
        signals.task_rejected.send(sender=self, message=message, exc=None)

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:  # noqa: ARG002 - Celery's signature.
        """Put aside a message for a task that is not here: a wrong name, or of a later version."""
        name, task_id = message.headers["task"], message.headers["id"]
        self._set_aside(message, "unknown-task", name)
        signals.task_unknown.send(sender=self, message=message, exc=exc, name=name, id=task_id)

    def on_invalid_task(self, body: Any, message: Any, exc: Exception) -> None:  # noqa: ARG002 - Celery's signature.
        """Put aside a message whose headers or content type a task may not have."""
        self._set_aside(message, "invalid-task", message.headers["task"])
        signals.task_rejected.send(sender=self, message=message, exc=exc)

    @staticmethod
    def _set_aside(message: Any, reason: str, name: str = "") -> None:
        if hasattr(message, "taken_from"):
            message.channel.set_aside_message(message, reason=reason, name=name)
