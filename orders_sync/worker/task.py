"""The base of our tasks: it reaches the services, and shows nothing but the ids of its message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from billiard.einfo import ExceptionWithTraceback
from celery import Task
from celery.exceptions import Reject, TaskPredicate
from celery.worker import state
from celery.worker.request import Request

from orders_sync.bootstrap import Services
from orders_sync.errors import OrdersSyncError, ParkedError
from orders_sync.worker.retry import place_of

#: The arguments that name what a task is about; everything else may be about a person.
IDS = ("account", "order_id", "command_id")

_LONGEST_ID = 64


class Waits(Reject):
    """Raised by a task whose message goes back to the end of its queue, however often."""

    def __init__(self, reason: str, requeue: bool = True) -> None:  # noqa: FBT001, FBT002 - Celery's.
        super().__init__(reason, requeue)


class IdsOnlyRequest(Request):
    """A message that shows its ids only, in events (Flower), in logs and when it is inspected.

    A stock Celery service describes its arguments in a header of its own making, bodies and all;
    that description is replaced by ours.
    https://docs.celeryq.dev/en/stable/internals/protocol.html
    """

    def __init__(self, message: Any, **options: Any) -> None:
        super().__init__(message, **options)
        self._argsrepr, self._kwargsrepr = "()", repr(ids_of(self._kwargs))
        self._request_dict.update(argsrepr=self._argsrepr, kwargsrepr=self._kwargsrepr)

    def revoked(self) -> bool:
        """Check whether the message expired; one that was revoked by its id is, once, if allowed.

        Celery keeps revoked ids for hours, and drops whatever comes with one of them.
        """
        if not self._app.conf.broker_transport_options.get("allow_control", False):
            state.revoked.discard(self.id)
        is_revoked: bool = super().revoked()
        state.revoked.discard(self.id)
        return is_revoked

    def on_failure(self, exc_info: Any, *args: Any, **options: Any) -> Any:
        """Record whether the message goes back because it waits, or because it did not end."""
        error = exc_info.exception
        if isinstance(error, ExceptionWithTraceback):
            error = error.exc
        self.message.waits = isinstance(error, Waits)
        return super().on_failure(exc_info, *args, **options)

    def info(self, safe: bool = True) -> dict[str, Any]:  # noqa: ARG002, FBT001, FBT002 - Celery's.
        """Describe the message for `celery inspect`, which never needs the arguments themselves."""
        info: dict[str, Any] = super().info(safe=True)
        return info


def ids_of(arguments: Any) -> dict[str, str]:
    """Return those of a task's arguments that are ids, and look like ids."""
    if not isinstance(arguments, Mapping):
        return {}
    named = {name: arguments.get(name) for name in IDS}
    return {
        name: value
        for name, value in named.items()
        if isinstance(value, str) and len(value) <= _LONGEST_ID
    }


log = structlog.get_logger(__name__)


class TaskCrashed(Exception):
    """Raised for what nobody foresaw; it says where, and quotes nothing of the error's text."""


class ServiceTask(Task):
    """A task that reaches the services of its process.

    What it raises on purpose is logged in one line and not raised on: the next tick of the
    schedule tries again.
    """

    Request = IdsOnlyRequest

    @property
    def services(self) -> Services:
        """The services of the process that runs the task."""
        services: Services = self.app.services
        return services

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run with the task's ids in every line that is logged."""
        with structlog.contextvars.bound_contextvars(
            task=self.name, task_id=self.request.id, **ids_of(kwargs)
        ):
            try:
                return super().__call__(*args, **kwargs)
            except OrdersSyncError as error:
                self.services.metrics.task_failed(self.name, error)
                # What others refused is in their words, and those belong in the ledger.
                reason = None if isinstance(error, ParkedError) else str(error)
                log.warning("task.failed", cause=type(error).__name__, reason=reason)
                return None
            except TaskPredicate:
                raise
            except Exception as error:
                log.exception("task.crashed")
                raise TaskCrashed(f"{type(error).__name__} at {place_of(error)}") from None
