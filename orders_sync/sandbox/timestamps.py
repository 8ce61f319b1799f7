"""Instants as VTEX writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICKS_PER_SECOND = 10_000_000


def to_ticks(at: float) -> int:
    """Count the units of 100 nanoseconds since the epoch: .NET's resolution, and so VTEX's."""
    return int(at * _TICKS_PER_SECOND)


def utc_text(ticks: int) -> str:
    """Write an instant as the feed does: `2019-08-12T20:54:23.7153839Z`."""
    return _text(ticks) + "Z"


def offset_text(ticks: int) -> str:
    """Write an instant as an order's document does: `2024-02-06T20:46:11.7010747+00:00`."""
    return _text(ticks) + "+00:00"


def _text(ticks: int) -> str:
    seconds, fraction = divmod(ticks, _TICKS_PER_SECOND)
    return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{fraction:07}"
