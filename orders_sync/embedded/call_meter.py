"""Counts the calls that VTEX took while there was work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from orders_sync.embedded.sandbox_api import SandboxReport

#: Acknowledging goes on after the last order is in handling; it is work all the same.
_COMMIT = "feed_commit"


class CallMeter:
    """Takes the sandbox's reports, and gives the calls from the first order to the last.

    Looking into an empty feed, before and after, is left out.
    """

    def __init__(self, before: SandboxReport) -> None:
        self._before = before
        self._at_last = before
        self._latest = before

    def note(self, report: SandboxReport) -> None:
        """Take the next report."""
        if report.taken_over > self._at_last.taken_over:
            self._at_last = report
        self._latest = report

    @property
    def calls(self) -> Mapping[str, int]:
        """The number of calls of each name."""
        until = {**self._at_last.calls, _COMMIT: self._latest.calls.get(_COMMIT, 0)}
        return dict(Counter(until) - Counter(self._before.calls))
