"""Keeps out of libraries' log lines what nobody has looked at: bodies, arguments, errors' texts."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from orders_sync.logging.errors import harmless_text

#: Longer texts are no names, hosts or URLs; somebody put a document there.
_LONGEST_TEXT: Final = 200

#: Lines of Celery and Kombu that quote a message, by how they begin, and what is said instead.
#: https://github.com/celery/celery/blob/v5.7.0/celery/worker/consumer/consumer.py
_QUOTING: Final = {
    "Received unregistered task of type": "A message was rejected: no task has its name.",
    "Received invalid task message": "A message was rejected: it is no task's.",
    "Can't decode message body": "A message was rejected: it cannot be decoded.",
    "Received and deleted unknown message": "A message was rejected: it is no task's.",
    "Couldn't convert ETA": "A message was rejected: its ETA is no time.",
    "Could not restore message": "A message could not be put back on its queue.",
    "Cannot process event on channel": "An event of Celery's was ignored: it is not JSON.",
}
_UNKNOWN_TASK: Final = "Received unregistered task of type"


def keep_bodies_out(record: logging.LogRecord) -> bool:
    """Make a library's record harmless in place.

    Lines of ours, and those that an adapter writes with structlog, are left as they are.
    """
    if record.name.partition(".")[0] == "orders_sync" or isinstance(record.msg, dict):
        return True
    start = next((start for start in _QUOTING if str(record.msg).startswith(start)), None)
    if start is not None:
        _replace(record, start)
    elif record.name == "celery.app.trace" and isinstance(record.args, Mapping):
        names = (record.args.get(name) for name in ("name", "id", "description"))
        record.msg, record.args = "Task %s[%s] %s.", tuple(names)
    elif record.name == "py.warnings":
        # Where it was given, and its category; the text may quote the value that it is about.
        record.msg = ":".join(str(record.msg).split(":")[:3])
    else:
        _make_harmless(record)
    return True


def _replace(record: logging.LogRecord, start: str) -> None:
    """Say what happened to a message, with no more of it than the name of its task."""
    first = record.args[0] if isinstance(record.args, tuple) and record.args else None
    record.msg, record.args = _QUOTING[start], ()
    if start == _UNKNOWN_TASK and isinstance(first, KeyError):
        record.msg, record.args = f"{_QUOTING[start]} Name: %s", (_harmless(first.args[0]),)
    record.exc_info = record.exc_text = None


def _make_harmless(record: logging.LogRecord) -> None:
    if not record.args:
        record.msg = _harmless(record.msg)
    elif isinstance(record.args, Mapping):
        record.args = {name: _harmless(value) for name, value in record.args.items()}
    else:
        record.args = tuple(_harmless(value) for value in record.args)


def _harmless(value: Any) -> Any:
    """Keep numbers and short texts; of everything else say only what it is."""
    match value:
        case int() | float() | None:
            return value
        case BaseException():
            return harmless_text(value)
        case str() if len(value) <= _LONGEST_TEXT:
            return value
        case str():
            return f"<{len(value)} characters>"
    return f"<{type(value).__name__}>"
