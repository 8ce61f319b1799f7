"""What befalls a call, drawn from a seed."""

from __future__ import annotations

from enum import Enum, auto
from random import Random

from orders_sync.sandbox import envelopes
from orders_sync.sandbox.dials import Dials
from orders_sync.sandbox.wire import Dropped, Response


class Mishap(Enum):
    """What goes wrong with one call."""

    STORM = auto()
    DROP_BEFORE = auto()
    DROP_AFTER = auto()
    UNAVAILABLE = auto()
    ERROR_BEFORE = auto()
    ERROR_AFTER = auto()
    LOGIN_PAGE = auto()


#: Mishaps that hide an effect which took place; all others prevent it.
AFTER_EFFECT = frozenset({Mishap.DROP_AFTER, Mishap.ERROR_AFTER})


class Chaos:
    """Draws the mishap and the latency of each call; the same seed and calls, the same fate."""

    def __init__(self, dials: Dials, random: Random) -> None:
        self._dials = dials
        self._random = random
        self._next_storm: float | None = None
        self._storm_ends = 0.0

    def strike(self, now: float) -> Mishap | None:
        """Say what befalls the call that came in now."""
        luck = self._random.random()
        if self._storms(now):
            return Mishap.STORM
        dials = self._dials
        for mishap, chance in (
            (Mishap.DROP_BEFORE, dials.drop_before),
            (Mishap.DROP_AFTER, dials.drop_after),
            (Mishap.UNAVAILABLE, dials.unavailable),
            (Mishap.ERROR_BEFORE, dials.server_error / 2),
            (Mishap.ERROR_AFTER, dials.server_error / 2),
            (Mishap.LOGIN_PAGE, dials.html_200),
        ):
            if luck < chance:
                return mishap
            luck -= chance
        return None

    def answer(self, mishap: Mishap) -> Response | Dropped:
        """Put the mishap on the wire."""
        match mishap:
            case Mishap.STORM:
                return envelopes.too_many_requests(self._random, retry_after=1)
            case Mishap.DROP_BEFORE | Mishap.DROP_AFTER:
                return Dropped()
            case Mishap.UNAVAILABLE:
                return envelopes.error_page(503, retry_after=1)
            case Mishap.ERROR_BEFORE:
                return envelopes.error_page(self._random.choice((500, 502)))
            case Mishap.ERROR_AFTER:
                return envelopes.error_page(self._random.choice((500, 504)))
            case Mishap.LOGIN_PAGE:
                return envelopes.login_page()

    def latency(self) -> float:
        """Draw how long the answer takes, in seconds."""
        dials = self._dials
        if not dials.latency_max_seconds:
            return 0.0
        return self._random.uniform(dials.latency_min_seconds, dials.latency_max_seconds)

    def _storms(self, now: float) -> bool:
        mean = self._dials.storm_every_seconds
        if not mean:
            self._next_storm = None
            return False
        if now < self._storm_ends:
            return True
        if self._next_storm is not None and now >= self._next_storm:
            lasts = self._random.uniform(0.5, 1.0) * self._dials.storm_seconds
            self._storm_ends, self._next_storm = now + lasts, None
            return True
        if self._next_storm is None:
            self._next_storm = now + self._random.expovariate(1 / mean)
        return False
