"""How a budget of calls per minute becomes a pace. Pure.

All times of the budget are whole microseconds, so that Python and Lua count alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from orders_sync.traffic.lanes import Lane

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND

#: A call leaves up to a second after its slot, so a minute's budget has to last this long.
_WINDOW: Final = MINUTE + SECOND
#: How far ahead the first lane may book a slot, and how much less each lane below it may.
_FIRST_HORIZON: Final = SECOND // 4
_HORIZON_STEP: Final = SECOND // 50
#: How far ahead a lane may book that has had nothing for so long that its share is due.
DUE_HORIZON: Final = 3 * SECOND // 10
_MOST_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class Plan:
    """One call every `interval` microseconds, and at most `burst` at once after a rest.

    No more calls than the budget fall into any 60 seconds, and no fewer than 95 % of it are made
    in a minute of a budget of 100 or more, as long as there are calls to make.
    """

    interval: int
    burst: int

    @classmethod
    def of(cls, per_minute: int) -> Plan:
        """Plan a budget of so many calls a minute, one at least."""
        budget = max(1, per_minute)
        burst = max(1, min(2, budget // 20), budget // 100)
        return cls(interval=-(-_WINDOW // (budget - burst + 1)), burst=burst)

    @property
    def at_once(self) -> int:
        """The calls that one answer may allow, which leave most of a burst to other processes."""
        return max(1, min(_MOST_AT_ONCE, self.burst // 4))

    @property
    def per_minute(self) -> int:
        """The calls that are made in a minute when there is always one to make."""
        return MINUTE // self.interval


def horizon(lane: Lane) -> int:
    """Tell how many microseconds ahead a lane may book a slot; a higher lane may book further."""
    return _FIRST_HORIZON - lane * _HORIZON_STEP
