"""Tells from a worker's pulse whether it is deaf: alive, and not consuming.

The pulse is a file that the worker's consuming loop touches, see `orders_sync.broker.pulse`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

#: Without a pulse a worker is starting, or finishes what it has; neither takes longer.
_UNHEARD_SECONDS: Final = 600.0

#: Whoever did not look for so long was held up himself, and cannot tell what he missed.
_HELD_UP_SECONDS: Final = 10.0


class Hearing(NamedTuple):
    """What is known of a worker: its pulse, when that last changed, and when we looked.

    `stamp` is None while there is no pulse. The times are a monotonic clock's.
    """

    stamp: int | None
    changed_at: float
    looked_at: float

    def after(self, stamp: int | None, now: float) -> Hearing:
        """Look once more; only a change counts, so that no step of a wall clock does."""
        is_news = stamp != self.stamp or now - self.looked_at > _HELD_UP_SECONDS
        return Hearing(stamp, now if is_news else self.changed_at, now)

    def is_deaf(self, silence_seconds: float) -> bool:
        """Tell whether the worker has been silent for longer than one that works ever is."""
        allowed = silence_seconds
        if self.stamp is None:
            allowed = max(allowed, _UNHEARD_SECONDS)
        return self.looked_at - self.changed_at > allowed


def read_stamp(path: Path) -> int | None:
    """Read a pulse; None where there is none."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None
