"""The demo: real processes take orders from a sandbox to an ERP, and the promises are judged."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from orders_sync.embedded.call_meter import CallMeter
from orders_sync.embedded.demo_plan import Audience, DemoPlan, Progress
from orders_sync.embedded.demo_stage import DemoStage
from orders_sync.embedded.evidence import collect_evidence
from orders_sync.embedded.figures import Figures, measure
from orders_sync.embedded.home import sole_use
from orders_sync.embedded.killing import Killing
from orders_sync.embedded.pouring import Pouring, mix
from orders_sync.embedded.promises import Verdict, is_settled, judge
from orders_sync.embedded.sandbox_api import SandboxApi, SandboxReport
from orders_sync.embedded.stop import StopSignals

_LOOK_EVERY_SECONDS = 0.2

#: When nothing moved for so long, the demo ends and is judged as it is. It is four times what an
#: event waits at VTEX after the worker that read it was killed.
_PATIENCE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What a demo showed."""

    figures: Figures
    verdicts: tuple[Verdict, ...]

    @property
    def all_kept(self) -> bool:
        """Whether every promise was kept."""
        return all(verdict.kept for verdict in self.verdicts)


def run_demo(plan: DemoPlan, audience: Audience) -> DemoResult:
    """Start everything, pour the orders in, stop everything, and judge what was seen.

    Raises:
        ConfigurationError: there is no broker to start.
        ProcessEnded: the sandbox ended.
        SandboxFailed: the sandbox does not answer.
        DemoFailed: the workers never began.
        StopRequested: a signal came; everything is stopped.
    """
    with StopSignals() as signals, sole_use(plan.home):
        with DemoStage(plan, say=audience.say, pause=signals.pause) as stage:
            started_at = time.time()
            play = _Play(plan, stage, audience)
            play.run()
            seen = stage.api.everything()
        evidence = collect_evidence(plan.home, seen)
    figures = measure(seen.orders, started_at=started_at, calls=play.meter.calls)
    return DemoResult(figures, judge(evidence))


class _Play:
    """Pours orders in and watches until nothing is left to do."""

    def __init__(self, plan: DemoPlan, stage: DemoStage, audience: Audience) -> None:
        self._plan = plan
        self._stage = stage
        self._audience = audience
        self._api: SandboxApi = stage.api
        self._began = time.monotonic()
        random = Random(plan.seed)  # noqa: S311 # A demo is repeatable; no secret is made of it.
        self._pouring = Pouring(mix(plan.orders, random), self._api.create_orders, time.monotonic)
        self._killing = Killing(stage.worker_names, stage.kill, random, time.monotonic)
        self.meter = CallMeter(self._api.report())

    def run(self) -> None:
        patience = _Patience(time.monotonic)
        while True:
            self._pouring.tend()
            if self._plan.chaos == "wild":
                self._killing.tend()
            report = self._api.report()
            self.meter.note(report)
            self._audience.show(self._progress(report))
            if self._is_over(report):
                return
            if patience.is_lost((report.orders, report.taken_over, report.feed_committed)):
                self._audience.say(f"Nothing has moved for {_PATIENCE_SECONDS:g} s; giving up.")
                return
            self._stage.pause(_LOOK_EVERY_SECONDS)

    def _is_over(self, report: SandboxReport) -> bool:
        if not (self._pouring.is_done and report.feed_is_empty):
            return False
        return all(is_settled(order) for order in self._api.orders())

    def _progress(self, report: SandboxReport) -> Progress:
        return Progress(
            seconds=time.monotonic() - self._began,
            orders=self._plan.orders,
            poured=self._pouring.poured,
            to_take_over=self._pouring.to_take_over,
            taken_over=report.taken_over,
            events_waiting=report.feed_visible + report.feed_in_flight,
            killed=self._killing.killed,
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
