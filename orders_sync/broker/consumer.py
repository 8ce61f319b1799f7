"""Celery's consumer, which drops no message that it does not understand."""

from __future__ import annotations

from typing import Any

from celery import signals
from celery.worker.consumer import Consumer as CeleryConsumer


class Consumer(CeleryConsumer):
    """Puts aside what no task here can work on.

    Celery drops such a message and logs its body, which may be personal data.
    """

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
