"""What a run is judged by: VTEX's and the ERP's own records, and what a person would be shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaos.world import World

from orders_sync.demo.asked import is_in_effect
from orders_sync.demo.evidence import collect_evidence
from orders_sync.demo.promises import is_settled
from orders_sync.demo.records import Answer, AskedCommand, ErpOrder, Evidence, VtexOrder
from orders_sync.demo.sandbox_api import SandboxView

_ALL = "10000"
_ENDED = frozenset({"done", "refused"})


@dataclass(frozen=True, slots=True)
class Parked:
    """An order, or a command of it, that waits for a person; `kind` is None for an order."""

    order_id: str
    kind: str | None
    cause: str


@dataclass(frozen=True, slots=True)
class ChaosEvidence:
    """Everything that a run is judged by; `settled` is whether all work ended in time."""

    demo: Evidence
    parked: tuple[Parked, ...]
    calls: int
    over_budget: int
    settled: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read while everything still ran."""

    sandbox: SandboxView
    erp_orders: tuple[ErpOrder, ...]
    asked: tuple[AskedCommand, ...]
    answers: Mapping[int, Answer]
    parked: tuple[Parked, ...]


def look(world: World) -> Seen:
    """Read what only the running world can tell."""
    listed = world.ask("parked", "list", "--limit", _ALL)
    return Seen(
        sandbox=world.api.everything(),
        erp_orders=world.erp.dated(world.demand.erp_orders()),
        asked=world.demand.asked,
        answers=world.demand.answers(),
        parked=tuple(_parked([*listed["orders"], *listed["commands"]])),
    )


def put_together(home: Path, seen: Seen, world: World, *, settled: bool) -> ChaosEvidence:
    """Add what is written in the home folder, once nobody writes there any more."""
    report = seen.sandbox.report
    return ChaosEvidence(
        demo=collect_evidence(
            home,
            seen.sandbox,
            seen.erp_orders,
            seen.asked,
            seen.answers,
            also=[world.broker.path],
        ),
        parked=seen.parked,
        calls=sum(report.calls.values()),
        over_budget=report.over_budget,
        settled=settled,
    )


def unended(
    orders: Iterable[VtexOrder], asked: Iterable[AskedCommand], answers: Mapping[int, Answer]
) -> list[str]:
    """Name the orders that something is left to do for."""
    vtex = {order.order_id: order for order in orders}
    left = {o.order_id for o in vtex.values() if o.events_unacknowledged or not is_settled(o)}
    for one in asked:
        answer = None if one.row is None else answers.get(one.row)
        is_open = one.row is not None and (answer is None or answer.state not in _ENDED)
        if is_open or not (one.is_impossible or is_in_effect(one, vtex[one.order_id])):
            left.add(one.order_id)
    return sorted(left)


def _parked(rows: Iterable[Mapping[str, Any]]) -> Iterable[Parked]:
    return (Parked(row["order_id"] or "?", row.get("kind"), row["cause"] or "") for row in rows)
