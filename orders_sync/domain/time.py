"""Time as the rest of the code takes it: from outside, aware, in UTC."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

#: Returns the present instant as an aware datetime.
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the present instant by this machine's clock."""
    return datetime.now(UTC)


def since_boot() -> float:
    """Return seconds that also pass while the machine is suspended, where its system counts them.

    https://man7.org/linux/man-pages/man2/clock_gettime.2.html
    """
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)
