"""A clock for tests: it stands still until it is moved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class SettableClock:
    """A clock that stands at the time it was set to; call it like any clock of orders_sync."""

    def __init__(self, now: datetime = datetime(2026, 11, 27, 12, tzinfo=UTC)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """Return the present instant."""
        return self.now

    def epoch(self) -> float:
        """Return the present instant in seconds since 1970, as the sandbox takes it."""
        return self.now.timestamp()

    def advance(self, seconds: float) -> None:
        """Advance the time."""
        self.now += timedelta(seconds=seconds)
