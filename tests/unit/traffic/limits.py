"""Limits as VTEX may have them: it does not publish how it counts."""

from __future__ import annotations

import math
import random
from collections import deque

from unit.traffic.virtual_time import START

from orders_sync.traffic.limiter import SECOND


class FixedWindow:
    """Accepts so many calls in each minute of the clock; may say when the next one begins."""

    def __init__(self, per_minute: int, *, says: bool) -> None:
        self._per_minute = per_minute
        self._says = says
        self._minute = 0
        self._calls = 0

    def take(self, now: float) -> float | None:
        """Accept a call or refuse it."""
        minute = int(now // 60)
        if minute != self._minute:
            self._minute, self._calls = minute, 0
        self._calls += 1
        if self._calls <= self._per_minute:
            return None
        return math.ceil(60 * (minute + 1) - now) if self._says else -1


class SlidingWindow:
    """Accepts so many calls in any minute, and does not say when the next one may come."""

    def __init__(self, per_minute: int) -> None:
        self._accepted = deque([-math.inf] * per_minute, maxlen=per_minute)

    def take(self, now: float) -> float | None:
        """Accept a call or refuse it."""
        if self._accepted[0] > now - 60:
            return -1
        self._accepted.append(now)
        return None


class Storm:
    """Refuses a part of the calls, between two times in seconds since the start."""

    def __init__(self, part: float, wait: float, since: float = 0, until: float = math.inf) -> None:
        self._part = part
        self._wait = wait
        self._since = since
        self._until = until
        self._random = random.Random(3)

    def take(self, now: float) -> float | None:
        """Accept a call or refuse it."""
        is_stormy = self._since <= now - START / SECOND < self._until
        return self._wait if is_stormy and self._random.random() < self._part else None
