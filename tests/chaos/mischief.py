"""What each kind of fault does to the world, and how that is ended."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, Final

from chaos.account import Account
from chaos.plan import MAIN
from chaos.timetable import BROKER, Fault, Kind
from chaos.world import World
from sqlalchemy.exc import OperationalError

from orders_sync.demo.records import PLAIN
from orders_sync.domain.rules import READY_FOR_HANDLING

Mischief = Callable[[World, Fault], AbstractContextManager[None]]

#: Longer than a call of the ERP may take, and than its order's lease lasts.
_HANGING_SECONDS: Final = 25.0
_CANCELLED_AT_ONCE: Final = 5

#: How VTEX behaves during a fault.
_DIALS: Final[Mapping[Kind, Mapping[str, Any]]] = {
    Kind.VTEX_STORM: {"storm_every_seconds": 0.001, "storm_seconds": 30},
    Kind.VTEX_ERRORS: {"server_error": 0.5, "unavailable": 0.2, "html_200": 0.1},
    Kind.VTEX_DROPS_BEFORE: {"drop_before": 0.5},
    Kind.VTEX_DROPS_AFTER: {"drop_after": 0.5},
    Kind.VTEX_SLOW: {"latency_min_seconds": 30, "latency_max_seconds": 30},
    Kind.FEED_DISORDERED: {
        "feed_duplicates": 0.3,
        "feed_disorder": 0.7,
        "feed_short_reads": 0.3,
        "feed_empty_reads": 0.2,
        "fresh_event_ids": True,
    },
    Kind.KEY_REVOKED: {"revoked": True},
    Kind.HOOK_UNRULY: {"hook_drops": 0.5, "hook_duplicates": 0.3, "hook_disorder": 0.7},
}


def make_mischief(world: World, fault: Fault) -> AbstractContextManager[None]:
    """Begin a fault by entering what is given, and end it by leaving."""
    return _MISCHIEF[fault.kind](world, fault)


def _at_once(act: Callable[[World, Fault], object]) -> Mischief:
    @contextlib.contextmanager
    def mischief(world: World, fault: Fault) -> Iterator[None]:
        act(world, fault)
        yield

    return mischief


@contextlib.contextmanager
def _frozen(world: World, fault: Fault) -> Iterator[None]:
    world.send(fault.target, signal.SIGSTOP)
    try:
        yield
    finally:
        world.send(fault.target, signal.SIGCONT)


@contextlib.contextmanager
def _dialled(world: World, fault: Fault) -> Iterator[None]:
    api = world.main.api
    former = api.dials()
    dials = _DIALS[fault.kind]
    api.turn_dials(dials)
    try:
        yield
    finally:
        api.turn_dials({name: former[name] for name in dials})


@contextlib.contextmanager
def _suspended(world: World, fault: Fault) -> Iterator[None]:
    began = time.monotonic()
    with _frozen(world, fault):
        yield
        world.sleep_clock(fault.target, time.monotonic() - began)


@contextlib.contextmanager
def _erp_hangs(world: World, _fault: Fault) -> Iterator[None]:
    """Cancel orders while the ERP is about to take them; it takes them after that."""
    world.set_erp_delay(MAIN, _HANGING_SECONDS)
    try:
        yield
    finally:
        world.set_erp_delay(MAIN, 0.0)
        _cancel_what_hangs(world.accounts[MAIN])


def _cancel_what_hangs(account: Account) -> None:
    if account.erp.is_down:
        return
    with contextlib.suppress(OperationalError):
        arrived = account.erp.arrivals()
        hanging = [
            order.order_id
            for order in account.api.orders()
            if (order.trouble, order.status) == (PLAIN, READY_FOR_HANDLING)
            and order.order_id not in arrived
        ]
        for order_id in hanging[:_CANCELLED_AT_ONCE]:
            # The ERP may be told so late that it had taken the order by then, and by right.
            account.demand.leave_alone(order_id)
            account.api.cancel(order_id)


_MISCHIEF: Final[Mapping[Kind, Mischief]] = {
    Kind.KILLED: _at_once(lambda world, fault: world.send(fault.target, signal.SIGKILL)),
    Kind.TERMINATED: _at_once(lambda world, fault: world.send(fault.target, signal.SIGTERM)),
    Kind.GATEWAY_KILLED: _at_once(lambda world, fault: world.send(fault.target, signal.SIGKILL)),
    Kind.FROZEN: _frozen,
    Kind.SUSPENDED: _suspended,
    Kind.HOST_LOST: lambda world, fault: world.without_others(fault.target),
    Kind.VTEX_LOST: lambda world, fault: world.without_vtex(fault.target),
    # The world starts such a worker with its clock.
    Kind.SKEWED: _at_once(lambda _world, _fault: None),
    Kind.BROKER_RESTARTED: _at_once(lambda world, _: world.send(BROKER, signal.SIGTERM)),
    Kind.BROKER_KILLED: _at_once(lambda world, _: world.send(BROKER, signal.SIGKILL)),
    Kind.BROKER_FROZEN: _frozen,
    Kind.BROKER_EMPTIED: _at_once(lambda world, _: world.broker.empty()),
    Kind.BROKER_REFUSES: lambda world, _: world.broker.refusing(),
    Kind.INTAKE_POISONED: _at_once(lambda world, _: world.broker.poison()),
    Kind.LEDGER_LOCKED: lambda world, _: world.ledger.locked(),
    Kind.LEDGER_CUT: _at_once(lambda world, _: world.ledger.cut()),
    Kind.LEDGER_RESTARTED: lambda world, _: world.ledger.away("fast"),
    Kind.LEDGER_CRASHED: lambda world, _: world.ledger.away("immediate"),
    Kind.FEED_DELETED: _at_once(lambda world, _: world.main.api.delete_feeds()),
    Kind.ERP_LOCKED: lambda world, _: world.main.erp.locked(),
    Kind.ERP_REFUSES: lambda world, _: world.main.erp.refusing(),
    Kind.ERP_CUT: lambda world, _: world.main.erp.cutting(),
    Kind.ERP_HANGS: _erp_hangs,
    **dict.fromkeys(_DIALS, _dialled),
}
