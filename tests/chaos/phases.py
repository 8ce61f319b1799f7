"""What comes before the main account's orders: the neighbour alone, then beside trouble."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from chaos.account_plans import LIMITED, NEIGHBOUR, NEIGHBOURS_PART, REFUSED, SLOW
from chaos.world import World

_LOOK_EVERY_SECONDS: Final = 0.2
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
    """Let the neighbour's orders come, and the others' trouble begin in between.

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
    """Let the key be valid again, and the ERP be quick."""
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
