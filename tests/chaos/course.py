"""The course of a run: orders and faults come, then the world settles."""

from __future__ import annotations

import time
from random import Random

from chaos.director import Director
from chaos.phases import end_trouble
from chaos.plan import ChaosPlan
from chaos.timetable import LAST_AT
from chaos.world import World

from orders_sync.demo.pouring import Pouring, mix

_LOOK_EVERY_SECONDS = 0.2
#: Reading every order of every account is work for VTEX too.
_LOOK_AT_ALL_EVERY_SECONDS = 1.0
_WRITE_DOWN_EVERY_SECONDS = 5.0
_BATCHES = 25


class Course:
    """Goes on until nothing is left to do, or the time to settle is over.

    `settled_after` is the seconds from the end of the last fault to the end of all work, negative
    where that came first, and None where it never came.
    """

    def __init__(self, plan: ChaosPlan, world: World, director: Director) -> None:
        self._world = world
        self._trouble_ends_at: float | None = plan.trouble_ends_at
        self._settle_seconds = plan.settle_seconds
        self._director = director
        batch = -(-plan.orders // _BATCHES)
        self._pouring = Pouring(
            mix(plan.orders, Random(plan.seed)),
            world.main.api.create_orders,
            time.monotonic,
            batch=batch,
            every_seconds=LAST_AT / _BATCHES,
        )
        self._began_at = time.monotonic()
        self._calm_since: float | None = None
        self._write_down_at = self._look_at = self._began_at
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
        self._world.tend_accounts()
        now = time.monotonic()
        self.seconds = now - self._began_at
        if self._trouble_ends_at is not None and self.seconds >= self._trouble_ends_at:
            end_trouble(self._world)
            self._trouble_ends_at = None
        if self._director.is_done and self._calm_since is None:
            self._calm_since = now
        if now >= self._write_down_at:
            self._world.broker.write_down()
            self._write_down_at = now + _WRITE_DOWN_EVERY_SECONDS

    def _is_over(self) -> bool:
        if self._calm_since is None:
            return False
        now = time.monotonic()
        calm = now - self._calm_since
        if now < self._look_at:
            return False
        self._look_at = now + _LOOK_AT_ALL_EVERY_SECONDS
        if self._is_done():
            self.settled_after = calm
            return True
        return calm > self._settle_seconds

    def _is_done(self) -> bool:
        if not self._pouring.is_done or self._trouble_ends_at is not None:
            return False
        return all(account.is_done() for account in self._world.accounts.values())
