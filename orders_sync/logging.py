"""One way of logging for every process: structlog, with identifiers and never personal data.

Events are static words with fields: `log.info("order.fetched", order_id=...)`.
"""

from __future__ import annotations

import logging
import sys
from typing import Literal

import structlog


def configure_logging(
    log_format: Literal["console", "json"], level: Literal["debug", "info", "warning", "error"]
) -> None:
    """Send everything that is logged, by us and by libraries, to standard error in one format."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    output = logging.StreamHandler(sys.stderr)
    output.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [output]
    root.setLevel(level.upper())
    _quieten_libraries(root.level)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def _quieten_libraries(level: int) -> None:
    # Celery logs the body of a message that it cannot run, and each task twice; a step of ours
    # says once what it did.
    for name in ("celery.worker.strategy", "celery.app.trace", "celery.beat", "alembic"):
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    logging.getLogger("celery.worker.consumer.consumer").addFilter(_without_body)


def _without_body(record: logging.LogRecord) -> bool:
    """Keep bodies of foreign messages out of the log: nobody knows what is in them."""
    if record.levelno >= logging.ERROR and record.args:
        record.msg, record.args = "A message that this worker cannot run was rejected.", ()
        record.exc_info = None
    return True
