"""The demo: real processes take orders from a sandbox to an ERP and back, judged by promises."""

from __future__ import annotations

import time
from dataclasses import dataclass
from random import Random

from orders_sync.demo.evidence import collect_evidence
from orders_sync.demo.figures import Figures, measure
from orders_sync.demo.plan import Audience, DemoPlan
from orders_sync.demo.play import Play
from orders_sync.demo.promises import Verdict, judge
from orders_sync.demo.stage import DemoStage
from orders_sync.embedded.home import sole_use
from orders_sync.embedded.stop import StopSignals


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
        demand_random = Random(f"{plan.seed} demand")  # noqa: S311 # A demo is repeatable.
        with DemoStage(plan, demand_random, say=audience.say, pause=signals.pause) as stage:
            started_at = time.time()
            play = Play(plan, stage, audience)
            play.run()
            seen = stage.api.everything()
            erp_orders = stage.demand.erp_orders()
            asked, answers = stage.demand.asked, stage.demand.answers()
        evidence = collect_evidence(plan.home, seen, erp_orders, asked, answers)
    figures = measure(
        seen.orders,
        started_at=started_at,
        calls=play.calls_of_road_in,
        road_out=play.road_out(),
    )
    return DemoResult(figures, judge(evidence))
