"""One way of logging for every process: structlog, with identifiers and never personal data.

Events are static words with fields: `log.info("order.fetched", order_id=...)`. Our own lines obey
`ORDERS_SYNC_LOG_LEVEL`; libraries say what is wrong, Celery and Flower also what they are doing.
An adapter's lines are ours where its logger's name begins with `orders_sync.erp.`.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import PurePath
from typing import Any, Final, Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from orders_sync.logging.errors import describe_exc_info
from orders_sync.logging.libraries import keep_bodies_out
from orders_sync.terminal import legible

__all__ = ["configure_logging"]

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
