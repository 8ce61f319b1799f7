"""The account's budget of calls."""

from __future__ import annotations

import math

_BURST_SECONDS = 10


class RateLimit:
    """Lets `per_minute` calls pass a minute, at most ten seconds' worth of them in one burst.

    VTEX publishes 6000 a minute for orders and not how it counts them.
    https://developers.vtex.com/docs/guides/best-practices-for-avoiding-rate-limit-errors
    """

    def __init__(self, per_minute: int | None) -> None:
        self._rate = per_minute / 60 if per_minute else math.inf
        self._capacity = max(1.0, self._rate * _BURST_SECONDS)
        self._tokens = self._capacity
        self._filled_at = 0.0

    def take(self, now: float) -> int | None:
        """Let one call pass (None), or say in how many whole seconds it may come again."""
        if self._rate == math.inf:
            return None
        refill = max(0.0, now - self._filled_at) * self._rate
        self._tokens = min(self._capacity, self._tokens + refill)
        self._filled_at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return None
        return math.ceil((1 - self._tokens) / self._rate)
