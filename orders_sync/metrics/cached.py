"""A reading that is not repeated for every scrape."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from typing import Final, Generic, TypeVar

import structlog

log = structlog.get_logger(__name__)

#: However many Prometheus servers scrape, the ledger and the broker are asked no more often.
CACHE_SECONDS: Final = 10.0

T = TypeVar("T")


class CachedReading(Generic[T]):
    """Gives a reading that is at most `seconds` old, or None where it cannot be had.

    A failure is kept as long, so that a database in trouble is not asked by every scrape.
    """

    def __init__(
        self,
        read: Callable[[], T],
        *,
        failures: type[Exception] | tuple[type[Exception], ...],
        seconds: float = CACHE_SECONDS,
        timer: Callable[[], float] = monotonic,
    ) -> None:
        self._read = read
        self._failures = failures
        self._seconds = seconds
        self._timer = timer
        self._lock = threading.Lock()
        self._value: T | None = None
        self._expires_at: float | None = None

    def __call__(self) -> T | None:
        """Give the reading."""
        with self._lock:
            if self._expires_at is None or self._timer() >= self._expires_at:
                self._value = self._try()
                self._expires_at = self._timer() + self._seconds
            return self._value

    def _try(self) -> T | None:
        try:
            return self._read()
        except self._failures as error:
            log.warning("metrics.not_read", cause=type(error).__name__)
            return None
