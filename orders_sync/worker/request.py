"""What of a message may be seen from outside the task: its ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from billiard.einfo import ExceptionWithTraceback
from celery.exceptions import Reject
from celery.worker import state
from celery.worker.request import Request

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
        """Note whether the message goes back because it waits, or because it did not end."""
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
    """Give those of a task's arguments that are ids, and look like ids."""
    if not isinstance(arguments, Mapping):
        return {}
    named = {name: arguments.get(name) for name in IDS}
    return {
        name: value
        for name, value in named.items()
        if isinstance(value, str) and len(value) <= _LONGEST_ID
    }
