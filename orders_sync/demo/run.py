"""The demo: real processes take orders from a sandbox to an ERP and back, judged by promises."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random

from orders_sync.demo.demo_stage import DemoStage
from orders_sync.demo.evidence import collect_evidence
from orders_sync.demo.figures import ROAD_IN, ROAD_OUT, CallMeter, CommandFigures, Figures, measure
from orders_sync.demo.order_stream import OrderStream, mix
from orders_sync.demo.plan import Audience, DemoPlan, DemoProgress
from orders_sync.demo.promises import PromiseVerdict, judge
from orders_sync.demo.sandbox_api import SandboxReport
from orders_sync.demo.settled import all_in_effect, all_settled
from orders_sync.embedded.home import sole_use
from orders_sync.embedded.supervisor import StopRequested, StopSignals

_LOOK_EVERY_SECONDS = 0.2

#: When nothing moved for so long, the demo ends and is judged as it is. It is four times what an
#: event waits at VTEX after the worker that read it was killed.
_PATIENCE_SECONDS = 120.0
_SECONDS_BETWEEN = (3.0, 7.0)


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What a demo showed."""

    figures: Figures
    verdicts: tuple[PromiseVerdict, ...]

    @property
    def all_kept(self) -> bool:
        """Whether every promise was kept."""
        return all(verdict.kept for verdict in self.verdicts)


def run_demo(
    plan: DemoPlan, audience: Audience, *, tell: Callable[[DemoResult], None]
) -> DemoResult:
    """Start everything, pour the orders in, stop everything, and judge what was seen.

    `tell` is given the result of a demo that stays, while everything still runs.

    Raises:
        ConfigurationError: there is no broker to start.
        ProcessEnded: the sandbox ended.
        SandboxFailed: the sandbox does not answer.
        StageFailed: the workers never began.
        StopRequested: a signal came; everything is stopped.
    """
    with StopSignals() as signals, sole_use(plan.home):
        demand_random = Random(f"{plan.seed} demand")  # noqa: S311 # A demo is repeatable.
        with DemoStage(plan, demand_random, say=audience.say, pause=signals.pause) as stage:
            started_at = time.time()
            play = Play(plan, stage, audience)
            play.run()
            seen = stage.api.everything()
            erp_orders = stage.demand.erp_orders()
            asked, answers = stage.demand.asked, stage.demand.answers()
            figures = measure(
                seen.orders,
                started_at=started_at,
                calls=play.calls_of_road_in,
                road_out=play.road_out(),
            )
            if plan.stays:
                evidence = collect_evidence(plan.home, seen, erp_orders, asked, answers)
                result = DemoResult(figures, judge(evidence))
                tell(result)
                audience.say(stage.look_around())
                _stay(stage)
                return result
        evidence = collect_evidence(plan.home, seen, erp_orders, asked, answers)
    return DemoResult(figures, judge(evidence))


def _stay(stage: DemoStage) -> None:
    """Keep everything running until a signal comes."""
    with suppress(StopRequested):
        while True:
            stage.pause(_LOOK_EVERY_SECONDS)


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
        self._stream = OrderStream(
            mix(plan.orders, random), self._api.create_orders, time.monotonic
        )
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
        """Return the figures of the commands."""
        return CommandFigures(
            commands=len(self._demand.asked),
            seconds=self._answered_at - self._asked_at,
            calls=self._road_out.calls if self._road_out else {},
        )

    def _tend(self) -> SandboxReport:
        self._stream.tend()
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
        return self._stream.is_done and report.feed_is_empty

    def _is_over(self, report: SandboxReport) -> bool:
        if self._road_out is None or not self._demand.is_met or not self._all_events_came(report):
            return False
        orders = self._api.orders()
        # Orders that reached the ERP since these were read have not been asked about yet.
        is_met = self._demand.is_met and all_in_effect(self._demand.wanted, orders)
        return is_met and all_settled(orders)

    def _taken_over(self, report: SandboxReport) -> int:
        """Count the orders that were handled, with those that were cancelled after it."""
        return report.taken_over + report.cancelled - self._stream.ended

    def _progress(self, report: SandboxReport) -> DemoProgress:
        return DemoProgress(
            seconds=time.monotonic() - self._began,
            orders=self._plan.orders,
            poured=self._stream.poured,
            to_take_over=self._stream.to_take_over,
            taken_over=self._taken_over(report),
            asked=len(self._demand.asked),
            answered=self._answered,
            events_waiting=report.feed_visible + report.feed_in_flight,
            killed=self._killing.killed,
        )


def _counts(report: SandboxReport, progress: DemoProgress) -> tuple[int, ...]:
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


class Killing:
    """Kills one of `names` every few seconds, drawn from a seed; call `tend` often."""

    def __init__(
        self,
        names: Sequence[str],
        kill: Callable[[str], bool],
        random: Random,
        clock: Callable[[], float],
    ) -> None:
        self._names = names
        self._kill = kill
        self._random = random
        self._clock = clock
        self._next_at = clock() + random.uniform(*_SECONDS_BETWEEN)
        self.killed = 0

    def tend(self) -> None:
        """Kill, if it is time."""
        if self._clock() < self._next_at:
            return
        self._next_at = self._clock() + self._random.uniform(*_SECONDS_BETWEEN)
        self.killed += self._kill(self._random.choice(self._names))
