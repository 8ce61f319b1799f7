"""Logs what nobody caught as everything else is logged; a plain traceback would quote it."""

from __future__ import annotations

import logging
import sys
import threading
from types import TracebackType

import structlog

log = structlog.get_logger(__name__)


def log_crashes() -> None:
    """Have this process's uncaught exceptions and its warnings go through the log.

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
