"""The demo: real processes take orders from a sandbox to an ERP and back, judged by promises."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random

from orders_sync.demo.evidence import collect_evidence
from orders_sync.demo.figures import Figures, measure
from orders_sync.demo.plan import Audience, DemoPlan
from orders_sync.demo.play import Play
from orders_sync.demo.promises import Verdict, judge
from orders_sync.demo.stage import DemoStage
from orders_sync.embedded.home import sole_use
from orders_sync.embedded.supervisor import StopRequested, StopSignals


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What a demo showed."""

    figures: Figures
    verdicts: tuple[Verdict, ...]

    @property
    def all_kept(self) -> bool:
        """Whether every promise was kept."""
        return all(verdict.kept for verdict in self.verdicts)


_LOOK_EVERY_SECONDS = 0.2


def run_demo(
    plan: DemoPlan, audience: Audience, *, tell: Callable[[DemoResult], None]
) -> DemoResult:
    """Start everything, pour the orders in, stop everything, and judge what was seen.

    `tell` is given the result of a demo that stays, while everything still runs.

    Raises:
        ConfigurationError: there is no broker to start.
        ProcessEnded: the sandbox ended.
        SandboxFailed: the sandbox does not answer.
        DemoFailed: the workers never began.
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
