"""Counts the calls that VTEX took on one of the two roads while there was work on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from orders_sync.demo.sandbox_api import SandboxReport

#: Acknowledging goes on after the last order is in handling; it is work all the same.
COMMIT = "feed_commit"

#: What only the road in calls. It is not counted on the road out, whose own events it serves.
ROAD_IN = frozenset({"feed_read", COMMIT, "start_handling"})

#: What only the road out calls.
ROAD_OUT = frozenset(
    {
        "invoice",
        "update_invoice",
        "update_tracking",
        "cancel",
        "deny_cancellation",
        "create_change",
        "change_history",
        "change_detail",
        "add_interaction",
    }
)


class CallMeter:
    """Takes the sandbox's reports, and gives the calls from the first progress to the last.

    Looking into an empty feed, before and after, is left out, and so are the calls named in
    `other_road`. Both roads read orders: where they are walked at the same time, `get_order` is in
    the count of each, and each figure is an upper bound.
    """

    def __init__(self, before: SandboxReport, *, other_road: frozenset[str]) -> None:
        self._before = before
        self._at_last = before
        self._latest = before
        self._progress = 0
        self._other_road = other_road

    def note(self, report: SandboxReport, progress: int) -> None:
        """Take the next report, and how much is done by now."""
        if progress > self._progress:
            self._at_last, self._progress = report, progress
        self._latest = report

    @property
    def calls(self) -> Mapping[str, int]:
        """The number of calls of each name."""
        until = {**self._at_last.calls, COMMIT: self._latest.calls.get(COMMIT, 0)}
        made = Counter(until) - Counter(self._before.calls)
        return {name: count for name, count in made.items() if name not in self._other_road}
