"""What a demo measured, from what the sandbox saw."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orders_sync.demo.records import VtexOrder
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


@dataclass(frozen=True, slots=True)
class CommandFigures:
    """The road out: commands that were asked for, in how many seconds, and the calls they took.

    `seconds` run from the first command to the last answer; a wait for something else is in them.
    """

    commands: int
    seconds: float
    calls: Mapping[str, int]

    @property
    def per_second(self) -> float:
        """How many commands were answered in a second."""
        return self.commands / self.seconds if self.seconds > 0 else 0.0

    @property
    def vtex_calls_per_command(self) -> float:
        """All calls of the road out, divided by the number of commands."""
        return sum(self.calls.values()) / max(self.commands, 1)


@dataclass(frozen=True, slots=True)
class Figures:
    """How fast it went, and how many calls it took.

    `seconds` run from the first order to the last that was taken over. The percentiles are the
    time from an order's event to its handling; None where no order was handled.
    """

    orders: int
    seconds: float
    orders_per_second: float
    calls_by_name: Mapping[str, float]
    p50_seconds: float | None
    p99_seconds: float | None
    road_out: CommandFigures

    @property
    def vtex_calls_per_order(self) -> float:
        """All calls of the road in, divided by the number of orders."""
        return sum(self.calls_by_name.values())


def measure(
    orders: Sequence[VtexOrder],
    *,
    started_at: float,
    calls: Mapping[str, int],
    road_out: CommandFigures,
) -> Figures:
    """Work the figures out; `calls` are those of the road in while there was work on it."""
    ends = [order.handling_at for order in orders if order.handling_at is not None]
    waits = sorted(
        order.handling_at - order.ready_at
        for order in orders
        if order.handling_at is not None and order.ready_at is not None
    )
    seconds = max(ends, default=started_at) - started_at
    return Figures(
        orders=len(orders),
        seconds=seconds,
        orders_per_second=len(orders) / seconds if seconds else 0.0,
        calls_by_name={name: count / max(len(orders), 1) for name, count in calls.items()},
        p50_seconds=percentile(waits, 50),
        p99_seconds=percentile(waits, 99),
        road_out=road_out,
    )


def percentile(ordered: Sequence[float], percent: float) -> float | None:
    """Return the smallest value that `percent` of all do not exceed; None where there are none."""
    if not ordered:
        return None
    return ordered[max(math.ceil(len(ordered) * percent / 100), 1) - 1]


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
