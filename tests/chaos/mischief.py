"""What each kind of fault does to the world, and how that is ended."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, Final

from chaos.timetable import BROKER, Fault, Kind
from chaos.world import World

Mischief = Callable[[World, Fault], AbstractContextManager[None]]

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
    former = world.api.dials()
    dials = _DIALS[fault.kind]
    world.api.turn_dials(dials)
    try:
        yield
    finally:
        world.api.turn_dials({name: former[name] for name in dials})


_MISCHIEF: Final[Mapping[Kind, Mischief]] = {
    Kind.KILLED: _at_once(lambda world, fault: world.send(fault.target, signal.SIGKILL)),
    Kind.TERMINATED: _at_once(lambda world, fault: world.send(fault.target, signal.SIGTERM)),
    Kind.FROZEN: _frozen,
    # The world starts such a worker with its clock.
    Kind.SKEWED: _at_once(lambda _world, _fault: None),
    Kind.BROKER_RESTARTED: _at_once(lambda world, _: world.send(BROKER, signal.SIGTERM)),
    Kind.BROKER_KILLED: _at_once(lambda world, _: world.send(BROKER, signal.SIGKILL)),
    Kind.BROKER_FROZEN: _frozen,
    Kind.BROKER_EMPTIED: _at_once(lambda world, _: world.broker.empty()),
    Kind.LEDGER_LOCKED: lambda world, _: world.ledger.locked(),
    Kind.LEDGER_CUT: _at_once(lambda world, _: world.ledger.cut()),
    Kind.LEDGER_RESTARTED: _at_once(lambda world, _: world.ledger.restart("fast")),
    Kind.LEDGER_CRASHED: _at_once(lambda world, _: world.ledger.restart("immediate")),
    Kind.FEED_DELETED: _at_once(lambda world, _: world.api.delete_feeds()),
    Kind.ERP_LOCKED: lambda world, _: world.erp.locked(),
    Kind.ERP_REFUSES: lambda world, _: world.erp.refusing(),
    Kind.ERP_CUT: lambda world, _: world.erp.cutting(),
    **dict.fromkeys(_DIALS, _dialled),
}
