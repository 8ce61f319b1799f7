"""One way of logging for every process: structlog, with identifiers and never personal data.

Events are static words with fields: `log.info("order.fetched", order_id=...)`. Our own lines obey
`ORDERS_SYNC_LOG_LEVEL`; libraries say what is wrong, Celery and Flower also what they are doing.
An adapter's lines are ours where its logger's name begins with `orders_sync.erp.`.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import PurePath
from types import TracebackType
from typing import Any, Final, Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from orders_sync.logging.errors import describe_exc_info, harmless_text
from orders_sync.terminal import legible

__all__ = ["configure_logging", "log_crashes"]

log = structlog.get_logger(__name__)

#: What libraries may say at most. Debugging output quotes rows, bodies and URLs.
_LIBRARIES: Final = {
    "celery": logging.INFO,
    "flower": logging.INFO,
    # A step of ours says once what it did; Celery would say so twice, and beat with each tick.
    "celery.app.trace": logging.WARNING,
    "celery.beat": logging.WARNING,
    "celery.worker.strategy": logging.WARNING,
}

#: Values that are shown as they print themselves; of any other object only the type is.
_PLAIN: Final = (date, timedelta, Decimal, PurePath)

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


def configure_logging(
    log_format: Literal["console", "json"],
    level: Literal["debug", "info", "warning", "error"],
    *,
    report: Processor | None = None,
) -> None:
    """Send everything that is logged, by us and by libraries, to standard error in one format.

    `report` is shown each event before its exception is described.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        *([report] if report else []),
        describe_exc_info,
    ]
    output = logging.StreamHandler(sys.stderr)
    output.addFilter(keep_bodies_out)
    output.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(log_format),
            ],
        )
    )
    logging.getLogger().handlers = [output]
    _set_levels(logging.getLevelNamesMapping()[level.upper()])
    structlog.configure(
        processors=[
            # First of all, so that a line that nobody wants costs next to nothing.
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def log_crashes() -> None:
    """Send this process's uncaught exceptions and its warnings through the log.

    Only for processes that work unattended: a person at a terminal wants the traceback.
    """
    logging.captureWarnings(capture=True)
    sys.excepthook = _process_crashed
    threading.excepthook = _thread_crashed


def _process_crashed(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    log.critical("process.crashed", exc_info=(kind, error, trace))


def _thread_crashed(crash: threading.ExceptHookArgs) -> None:
    name = crash.thread.name if crash.thread else None
    log.critical("thread.crashed", thread=name, exc_info=crash.exc_value)


def _renderers(log_format: Literal["console", "json"]) -> Sequence[Processor]:
    if log_format == "json":
        return [structlog.processors.JSONRenderer(serializer=_line_of_json, default=_as_text)]
    return [_spell_out, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]


def _line_of_json(event: Any, **named: Any) -> str:
    """Return JSON in which only what shows stands by itself."""
    text = json.dumps(event, ensure_ascii=False, **named)
    if text.isprintable():
        return text
    return "".join(part if part.isprintable() else json.dumps(part)[1:-1] for part in text)


def _spell_out(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Spell out what a terminal would obey in an event's texts."""
    return {
        name: legible(value) if isinstance(value, str) else value for name, value in event.items()
    }


def _as_text(value: Any) -> str:
    return str(value) if isinstance(value, _PLAIN) else type(value).__name__


def _set_levels(level: int) -> None:
    logging.getLogger().setLevel(max(level, logging.WARNING))
    logging.getLogger("orders_sync").setLevel(level)
    for name, lowest in _LIBRARIES.items():
        logging.getLogger(name).setLevel(max(level, lowest))


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
    """Replace a line by what happened to the message; of that only its task's name is kept."""
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
    """Keep numbers and short texts; of everything else return only its type."""
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
