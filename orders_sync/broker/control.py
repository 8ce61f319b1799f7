"""Which remote control commands a worker obeys.

Whoever reaches the broker can broadcast them. Those that look are answered; those that change a
worker, or drop a task, are refused.
https://docs.celeryq.dev/en/stable/userguide/workers.html#remote-control
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog
from celery.worker.consumer.control import Control
from celery.worker.control import Panel

log = structlog.get_logger(__name__)

Handler = Callable[..., Any]

#: These change nothing but what a worker tells of itself; Flower needs them.
_HARMLESS: Final = frozenset({"enable_events", "heartbeat"})

#: It is for looking, and writes a file.
_WRITES: Final = frozenset({"objgraph"})


def read_only(consumer: Any) -> None:
    """Have a consumer refuse every command that changes something."""
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
