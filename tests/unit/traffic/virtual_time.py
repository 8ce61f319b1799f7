"""A time that only tests move, for one process or for the server."""

from __future__ import annotations

from orders_sync.traffic.limiter import SECOND
from orders_sync.traffic.shared import Shared

START = 1_764_244_800 * SECOND


class VirtualTime:
    """Tells microseconds to the server and seconds to a process; sleeping moves it."""

    def __init__(self) -> None:
        self.micros = START

    def server(self) -> int:
        return self.micros

    def clock(self) -> float:
        return self.micros / SECOND

    def sleep(self, seconds: float) -> None:
        self.micros += round(seconds * SECOND)


def hash_of(shared: Shared, key: str) -> dict[str, str]:
    """Return a hash as Redis keeps it."""
    asked = shared.ask([("HGETALL", key)])
    assert asked is not None
    [fields] = asked[1]
    return dict(fields)
