"""What of a message may be seen from outside the task: its ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from celery.worker.request import Request

#: The arguments that name what a task is about; everything else may be about a person.
IDS = ("account", "order_id", "command_id")

_LONGEST_ID = 64


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
