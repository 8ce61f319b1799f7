"""The course of a run: the neighbour alone, then trouble, orders and faults, then the end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from random import Random
from typing import Final

from chaos.plan import LIMITED, NEIGHBOUR, NEIGHBOURS_PART, REFUSED, SLOW, ChaosPlan
from chaos.timetable import LAST_AT, Fault, Kind
from chaos.world import World

from orders_sync.demo.order_stream import OrderStream, mix

_LOOK_EVERY_SECONDS = 0.2

#: Reading every order of every account is work for VTEX too.
_LOOK_AT_ALL_EVERY_SECONDS = 1.0
_WRITE_DOWN_EVERY_SECONDS = 5.0
_BATCHES = 25
_ORDER_EVERY_SECONDS: Final = 0.5

#: What the others' trouble takes to fill every queue.
_BUILD_UP_SECONDS: Final = 5.0

#: Whatever is not done by then is late in any case.
_PATIENCE_SECONDS: Final = 20.0
_BACKLOG_SECONDS: Final = 90.0
_SLOW_SECONDS: Final = 9.0
_PLAIN: Final = "plain"


@dataclass(frozen=True, slots=True)
class Phases:
    """The neighbour's orders, by what there was beside them."""

    alone: frozenset[str]
    beside: frozenset[str]


def run_phases(world: World, say: Callable[[str], None]) -> Phases:
    """Create the neighbour's orders, and begin the others' trouble in between.

    Without other accounts there is nothing to wait for.
    """
    if NEIGHBOUR not in world.accounts:
        return Phases(frozenset(), frozenset())
    say("the orders of the backlog come")
    _prepare_backlog(world)
    say("the neighbour is alone")
    alone = _let_come(world)
    say("trouble begins beside it")
    _begin_trouble(world)
    beside = _let_come(world)
    return Phases(alone, beside)


def end_trouble(world: World) -> None:
    """Make the key valid again, and the ERP quick."""
    if REFUSED in world.accounts:
        world.accounts[REFUSED].api.turn_dials({"revoked": False})
        world.set_erp_delay(SLOW, 0.0)


def _prepare_backlog(world: World) -> None:
    account = world.accounts[REFUSED]
    account.is_asking = False
    account.api.create_orders(_PLAIN, account.plan.orders)
    _wait(world, lambda: len(account.erp.arrivals()) == account.plan.orders, _BACKLOG_SECONDS)


def _begin_trouble(world: World) -> None:
    refused = world.accounts[REFUSED]
    refused.api.turn_dials({"revoked": True})
    refused.is_asking = True
    world.set_erp_delay(SLOW, _SLOW_SECONDS)
    for name in (SLOW, LIMITED):
        account = world.accounts[name]
        account.api.create_orders(_PLAIN, account.plan.orders)
    _wait(world, lambda: False, _BUILD_UP_SECONDS)


def _let_come(world: World) -> frozenset[str]:
    account = world.accounts[NEIGHBOUR]
    before = len(account.erp.arrivals())
    order_ids: list[str] = []
    for _ in range(NEIGHBOURS_PART):
        order_ids += account.api.create_orders(_PLAIN, 1)
        _wait(world, lambda: False, _ORDER_EVERY_SECONDS)

    def is_done() -> bool:
        arrived = len(account.erp.arrivals()) - before
        return arrived >= NEIGHBOURS_PART and account.demand.is_met

    _wait(world, is_done, _PATIENCE_SECONDS)
    return frozenset(order_ids)


def _wait(world: World, is_over: Callable[[], bool], seconds: float) -> None:
    """Keep everything going until something holds, at most so long."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and not is_over():
        world.tend_accounts()
        world.pause(_LOOK_EVERY_SECONDS)


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
        self._stream = OrderStream(
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
        """Run until the end."""
        while True:
            self._tend()
            if self._is_over():
                break
            self._world.pause(_LOOK_EVERY_SECONDS)
        self._world.broker.write_down()

    def _tend(self) -> None:
        self._stream.tend()
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
        if not self._stream.is_done or self._trouble_ends_at is not None:
            return False
        return all(account.is_done() for account in self._world.accounts.values())


Begin = Callable[[Fault], AbstractContextManager[None]]


class Director:
    """Plays a timetable from the moment it is made; call `tend` often, and `close` at the end.

    `begin` gives what is entered when a fault begins, and left when it ends. `begun` counts the
    faults so far, by kind.
    """

    def __init__(
        self,
        faults: Sequence[Fault],
        begin: Begin,
        *,
        say: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        self._coming = list(faults)
        self._begin = begin
        self._say = say
        self._clock = clock
        self._began_at = clock()
        self._going_on: list[tuple[Fault, AbstractContextManager[None]]] = []
        self.begun: Counter[Kind] = Counter()

    @property
    def is_done(self) -> bool:
        """Whether every fault is over."""
        return not (self._coming or self._going_on)

    def tend(self) -> None:
        """End what is over, and begin what is due."""
        now = self._clock() - self._began_at
        self._end([pair for pair in self._going_on if pair[0].ends_at <= now])
        while self._coming and self._coming[0].at <= now:
            fault = self._coming.pop(0)
            self._say(f"{now:6.1f} s: {fault}")
            mischief = self._begin(fault)
            mischief.__enter__()
            self._going_on.append((fault, mischief))
            self.begun[fault.kind] += 1

    def close(self) -> None:
        """End everything at once, and let nothing more come."""
        self._coming.clear()
        self._end(list(self._going_on))

    def _end(self, over: Sequence[tuple[Fault, AbstractContextManager[None]]]) -> None:
        for fault, mischief in over:
            self._going_on.remove((fault, mischief))
            mischief.__exit__(None, None, None)
