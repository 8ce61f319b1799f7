"""The calls that a process may make without asking, because one answer allowed several. Pure.

Asking Redis is what a permit costs. So where many slots were left unused, a process takes a few
at once and makes its next calls with them. What it has not used after `KEPT_FOR` is forfeited: like
a call that waits in place for its slot, none is made long after its question, so a hold that
another process was told of is kept as soon, and the calls of a minute stay within the budget.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from orders_sync.traffic.lanes import Lane
from orders_sync.traffic.plan import DUE_HORIZON

KEPT_FOR: Final = DUE_HORIZON


@dataclass(slots=True)
class _Kept:
    """What one lane has: `left` permits until a time, and how many calls it made since it asked."""

    left: int = 0
    until: int = 0
    calls: int = 0
    asked_at: int = 0


class Permits:
    """The permits that one process keeps for one account, `most` at once; times as in `plan`.

    As many are asked for as the lane used of late, so one that calls now and then takes one.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lanes = [_Kept() for _ in Lane]
        self._untold = 0

    def take(self, now: int, lane: Lane) -> bool:
        """Take a permit for one call, of its own lane or of a lower one, if any is kept."""
        for kept in self._lanes[lane:]:
            if kept.left and now < kept.until:
                kept.left -= 1
                kept.calls += 1
                self._untold += 1
                return True
        return False

    def question(self, now: int, lane: Lane) -> tuple[int, int]:
        """Tell how many permits to ask for, and how many calls were made without asking."""
        kept = self._lanes[lane]
        wanted = kept.calls * 2 if now - kept.asked_at < KEPT_FOR else kept.calls
        kept.calls, kept.asked_at = 0, now
        untold, self._untold = self._untold, 0
        return max(1, min(wanted, self._most)), untold

    def granted(self, asked_at: int, lane: Lane, spare: int) -> None:
        """Keep what was granted beside the call that asked."""
        kept = self._lanes[lane]
        kept.calls += 1
        if spare:
            kept.left, kept.until = spare, asked_at + KEPT_FOR

    def refused(self, untold: int) -> None:
        """Remember the calls that the question told of; a refusal counts nothing."""
        self._untold += untold
