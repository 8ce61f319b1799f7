"""The course of a demo: what happens when, and when it is over."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from random import Random

from orders_sync.demo.call_meter import ROAD_IN, ROAD_OUT, CallMeter
from orders_sync.demo.ending import all_met, all_settled
from orders_sync.demo.figures import CommandFigures
from orders_sync.demo.killing import Killing
from orders_sync.demo.plan import Audience, DemoPlan, Progress
from orders_sync.demo.pouring import Pouring, mix
from orders_sync.demo.sandbox_api import SandboxReport
from orders_sync.demo.stage import DemoStage

_LOOK_EVERY_SECONDS = 0.2

#: When nothing moved for so long, the demo ends and is judged as it is. It is four times what an
#: event waits at VTEX after the worker that read it was killed.
_PATIENCE_SECONDS = 120.0


class Play:
    """Pours orders in, has commands asked for, and watches until nothing is left to do.

    Commands come once every order was handled, so that the road in is measured by itself: both
    roads read orders, and the sandbox cannot tell whose a read is. In a wild demo they come as
    soon as the ERP has an order, for what may go wrong between the roads; the reads of both are
    then in the figures of each.
    """

    def __init__(self, plan: DemoPlan, stage: DemoStage, audience: Audience) -> None:
        self._plan = plan
        self._stage = stage
        self._audience = audience
        self._api = stage.api
        self._demand = stage.demand
        self._began = time.monotonic()
        random = Random(plan.seed)  # noqa: S311 # A demo is repeatable; no secret is made of it.
        self._pouring = Pouring(mix(plan.orders, random), self._api.create_orders, time.monotonic)
        self._killing = Killing(stage.killable, stage.kill, random, time.monotonic)
        self._road_in = CallMeter(self._api.report(), other_road=ROAD_OUT)
        self._road_out: CallMeter | None = None
        self._asked_at = self._answered_at = self._began
        self._answered = 0

    def run(self) -> None:
        """Go on until everything is in effect, or nothing moves any more."""
        patience = _Patience(time.monotonic)
        while True:
            report = self._tend()
            progress = self._progress(report)
            self._audience.show(progress)
            if self._is_over(report):
                return
            if patience.is_lost(_counts(report, progress)):
                self._audience.say(f"Nothing has moved for {_PATIENCE_SECONDS:g} s; giving up.")
                return
            self._stage.pause(_LOOK_EVERY_SECONDS)

    @property
    def calls_of_road_in(self) -> Mapping[str, int]:
        """The number of calls of each name, from the first order to the last."""
        return self._road_in.calls

    def road_out(self) -> CommandFigures:
        """Give the figures of the commands."""
        return CommandFigures(
            commands=len(self._demand.asked),
            seconds=self._answered_at - self._asked_at,
            calls=self._road_out.calls if self._road_out else {},
        )

    def _tend(self) -> SandboxReport:
        self._pouring.tend()
        if self._plan.chaos == "wild":
            self._killing.tend()
        report = self._api.report()
        if self._road_out is None and self._commands_may_come(report):
            self._road_out = CallMeter(report, other_road=ROAD_IN)
            self._asked_at = self._answered_at = time.monotonic()
        if self._road_out is None or self._plan.chaos == "wild":
            self._road_in.note(report, self._taken_over(report))
        if self._road_out is not None:
            self._tend_demand(self._road_out, report)
        return report

    def _tend_demand(self, road_out: CallMeter, report: SandboxReport) -> None:
        road_out.note(report, self._answered)
        self._demand.tend()
        answered = self._demand.answered
        if answered > self._answered:
            self._answered, self._answered_at = answered, time.monotonic()

    def _commands_may_come(self, report: SandboxReport) -> bool:
        if self._plan.chaos == "wild":
            return True
        return self._all_events_came(report) and all_settled(self._api.orders())

    def _all_events_came(self, report: SandboxReport) -> bool:
        return self._pouring.is_done and report.feed_is_empty

    def _is_over(self, report: SandboxReport) -> bool:
        if self._road_out is None or not self._demand.is_met or not self._all_events_came(report):
            return False
        orders = self._api.orders()
        return all_settled(orders) and all_met(self._demand, orders)

    def _taken_over(self, report: SandboxReport) -> int:
        """Count the orders that were handled, with those that were cancelled after it."""
        return report.taken_over + report.cancelled - self._pouring.ended

    def _progress(self, report: SandboxReport) -> Progress:
        return Progress(
            seconds=time.monotonic() - self._began,
            orders=self._plan.orders,
            poured=self._pouring.poured,
            to_take_over=self._pouring.to_take_over,
            taken_over=self._taken_over(report),
            asked=len(self._demand.asked),
            answered=self._answered,
            events_waiting=report.feed_visible + report.feed_in_flight,
            killed=self._killing.killed,
        )


def _counts(report: SandboxReport, progress: Progress) -> tuple[int, ...]:
    return (
        report.orders,
        progress.taken_over,
        report.feed_committed,
        progress.asked,
        progress.answered,
    )


class _Patience:
    """Is lost when the same counts are seen for too long."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._counts: tuple[int, ...] = ()
        self._since = clock()

    def is_lost(self, counts: tuple[int, ...]) -> bool:
        if counts != self._counts:
            self._counts, self._since = counts, self._clock()
        return self._clock() - self._since > _PATIENCE_SECONDS
