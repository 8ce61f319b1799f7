"""Celery's consumer, which drops no message that it does not understand, and leaves in order."""

from __future__ import annotations

from typing import Any

from celery import signals
from celery.worker.consumer import Consumer as CeleryConsumer

from orders_sync.broker.departure import ForcedEnd, begin_nothing_more, give_back
from orders_sync.broker.pulse import pulse_of


class Consumer(CeleryConsumer):
    """Puts aside what no task here can work on.

    Celery drops such a message and logs its body, which may be personal data.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._options = {**self.app.conf.broker_transport_options, "node": self.hostname}
        self._forced_end = ForcedEnd(self)
        pulse_of(self._options).remove()

    def connection_for_read(self, heartbeat: Any = None) -> Any:
        """Connect to take messages, with a pulse in this worker's name."""
        connect = self.app.connection_for_read
        return self.ensure_connected(connect(heartbeat=heartbeat, transport_options=self._options))

    def connection_for_write(self, url: Any = None, heartbeat: Any = None) -> Any:
        """Connect to tell of this worker, which the loop does too: it may be held up there."""
        connect = self.app.connection_for_write
        connection = connect(url, heartbeat=heartbeat, transport_options=self._options)
        return self.ensure_connected(connection)

    def stop(self) -> None:
        """Take nothing more, and give back what has not begun, while what runs goes on."""
        # Celery forgets what waits when it stops, and puts it back only after the last task.
        waiting = begin_nothing_more(self)
        super().stop()
        pulse_of(self._options).remove()
        give_back(self, waiting)

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """Put aside a message whose body is not what its headers say."""
        message.channel.set_aside_message(message, reason="unreadable-body")
        signals.task_rejected.send(sender=self, message=message, exc=exc)

    def on_unknown_message(self, body: Any, message: Any) -> None:  # noqa: ARG002 - Celery's signature.
        """Put aside a message that names no task."""
        message.channel.set_aside_message(message, reason="not-a-task")
        signals.task_rejected.send(sender=self, message=message, exc=None)

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:  # noqa: ARG002 - Celery's signature.
        """Put aside a message for a task that is not here: a wrong name, or of a later version."""
        name = _task_name(message)
        message.channel.set_aside_message(message, reason="unknown-task", name=name)
        task_id = (message.headers or {}).get("id")
        signals.task_unknown.send(sender=self, message=message, exc=exc, name=name, id=task_id)

    def on_invalid_task(self, body: Any, message: Any, exc: Exception) -> None:  # noqa: ARG002 - Celery's signature.
        """Put aside a message whose headers or content type a task may not have."""
        name = _task_name(message)
        message.channel.set_aside_message(message, reason="invalid-task", name=name)
        signals.task_rejected.send(sender=self, message=message, exc=exc)


def _task_name(message: Any) -> str:
    """Give the task's name, which old clients write into the body instead of the headers."""
    name = (message.headers or {}).get("task")
    if name is None:
        payload = message.payload
        name = payload.get("task") if isinstance(payload, dict) else None
    return str(name or "")[:200]
