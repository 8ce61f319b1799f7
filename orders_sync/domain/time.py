"""Time as the rest of the code takes it: from outside, aware, in UTC."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

#: Returns the present instant as an aware datetime.
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the present instant by this machine's clock."""
    return datetime.now(UTC)
