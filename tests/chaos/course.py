"""The course of a run: orders and faults come, then the world settles."""

from __future__ import annotations

import contextlib
import time
from random import Random

from chaos.director import Director
from chaos.plan import ChaosPlan
from chaos.timetable import LAST_AT
from chaos.world import World
from sqlalchemy.exc import OperationalError

from orders_sync.demo.ending import all_met, all_settled, erp_agrees
from orders_sync.demo.pouring import Pouring, mix
from orders_sync.demo.sandbox_api import SandboxReport

_LOOK_EVERY_SECONDS = 0.2
_WRITE_DOWN_EVERY_SECONDS = 5.0
_BATCHES = 25


class Course:
    """Goes on until nothing is left to do, or the time to settle is over.

    `settled_after` is the seconds from the end of the last fault to the end of all work, negative
    where that came first, and None where it never came.
    """

    def __init__(self, plan: ChaosPlan, world: World, director: Director) -> None:
        self._world = world
        self._settle_seconds = plan.settle_seconds
        self._director = director
        batch = -(-plan.orders // _BATCHES)
        self._pouring = Pouring(
            mix(plan.orders, Random(plan.seed)),
            world.api.create_orders,
            time.monotonic,
            batch=batch,
            every_seconds=LAST_AT / _BATCHES,
        )
        self._began_at = time.monotonic()
        self._calm_since: float | None = None
        self._write_down_at = self._began_at
        self.seconds = 0.0
        self.settled_after: float | None = None

    def run(self) -> None:
        """Let everything happen."""
        while True:
            self._tend()
            if self._is_over():
                break
            self._world.pause(_LOOK_EVERY_SECONDS)
        self._world.broker.write_down()

    def _tend(self) -> None:
        self._pouring.tend()
        self._director.tend()
        # An ERP that is down asks for nothing, nor does one whose database a frozen process holds.
        if not self._world.erp.is_down:
            with contextlib.suppress(OperationalError):
                self._world.demand.tend()
        now = time.monotonic()
        self.seconds = now - self._began_at
        if self._director.is_done and self._calm_since is None:
            self._calm_since = now
        if now >= self._write_down_at:
            self._world.broker.write_down()
            self._write_down_at = now + _WRITE_DOWN_EVERY_SECONDS

    def _is_over(self) -> bool:
        if self._calm_since is None:
            return False
        calm = time.monotonic() - self._calm_since
        if self._is_done(self._world.api.report()):
            self.settled_after = calm
            return True
        return calm > self._settle_seconds

    def _is_done(self, report: SandboxReport) -> bool:
        if not (self._pouring.is_done and report.feed_is_empty and self._world.demand.is_met):
            return False
        orders = self._world.api.orders()
        demand = self._world.demand
        if not (all_settled(orders) and erp_agrees(orders, demand.erp_orders(), demand.asked)):
            return False
        return all_met(demand, orders)
