"""What a run is judged by: VTEX's and the ERP's own records, and what a person would be shown."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chaos.course import Phases
from chaos.plan import MAIN, NEIGHBOUR
from chaos.world import World

from orders_sync.demo.evidence import collect_evidence
from orders_sync.demo.figures import percentile
from orders_sync.demo.records import AskedCommand, CommandAnswer, ErpOrder, Evidence, VtexOrder
from orders_sync.demo.sandbox_api import SandboxView
from orders_sync.demo.settled import is_in_effect, is_settled

_ALL = "10000"
_ENDED = frozenset({"done", "refused"})


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds, infinite for what never came.

    `placed` has one for each order, from its event to its row in the ERP, and `sent` one for each
    invoice, from its row in the ERP to its effect in VTEX.
    """

    placed: tuple[float, ...]
    sent: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Parked:
    """An order, or a command of it, that waits for a person; `kind` is None for an order."""

    account: str
    order_id: str
    kind: str | None
    cause: str


@dataclass(frozen=True, slots=True)
class AccountEvidence:
    """What is known of an account; `over_budget` of its calls were beyond what VTEX takes."""

    name: str
    facts: Evidence
    calls: int
    over_budget: int


@dataclass(frozen=True, slots=True)
class ChaosEvidence:
    """Everything that a run is judged by; the main account comes first.

    `settled` is whether all work ended in time. `alone` and `beside` are the neighbour's waits
    without and with trouble beside it. `messages_a_thread` is the most that ever waited in the
    broker. `prefetch` and `prefetch_at_start` say what each worker may have in hand.
    """

    accounts: tuple[AccountEvidence, ...]
    parked: tuple[Parked, ...]
    settled: bool
    alone: Waits
    beside: Waits
    messages_a_thread: float
    prefetch_at_start: Mapping[str, int]
    prefetch: Mapping[str, int]

    @property
    def main(self) -> AccountEvidence:
        """The account that the faults were about."""
        return self.accounts[0]


@dataclass(frozen=True, slots=True)
class SeenAccount:
    """What was read of an account while everything still ran."""

    sandbox: SandboxView
    erp_orders: tuple[ErpOrder, ...]
    asked: tuple[AskedCommand, ...]
    answers: Mapping[int, CommandAnswer]


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read while everything still ran."""

    accounts: Mapping[str, SeenAccount]
    parked: tuple[Parked, ...]
    alone: Waits
    beside: Waits
    prefetch_at_start: Mapping[str, int]
    prefetch: Mapping[str, int]


def look(world: World, phases: Phases, prefetch_at_start: Mapping[str, int]) -> Seen:
    """Read what only the running world can tell."""
    listed = world.ask("parked", "list", "--limit", _ALL)
    accounts = {
        name: SeenAccount(
            sandbox=account.api.everything(),
            erp_orders=account.erp.dated(account.demand.erp_orders()),
            asked=account.demand.asked,
            answers=account.demand.answers(),
        )
        for name, account in world.accounts.items()
    }
    alone, beside = (
        _waits(world, accounts, order_ids) for order_ids in (phases.alone, phases.beside)
    )
    return Seen(
        accounts=accounts,
        parked=tuple(_parked([*listed["orders"], *listed["commands"]])),
        alone=alone,
        beside=beside,
        prefetch_at_start=prefetch_at_start,
        prefetch=world.prefetch_counts(),
    )


def put_together(
    home: Path, seen: Seen, world: World, *, threads: int, settled: bool
) -> ChaosEvidence:
    """Add what is written in the home folder, once nobody writes there any more."""
    main = seen.accounts[MAIN]
    people = [text for account in seen.accounts.values() for text in account.sandbox.people]
    facts = collect_evidence(
        home,
        replace(main.sandbox, people=tuple(dict.fromkeys(people))),
        main.erp_orders,
        main.asked,
        main.answers,
        also=[world.broker.path],
    )
    return ChaosEvidence(
        accounts=tuple(
            _of_account(name, account, facts) for name, account in seen.accounts.items()
        ),
        parked=seen.parked,
        settled=settled,
        alone=seen.alone,
        beside=seen.beside,
        messages_a_thread=world.broker.most_messages / threads,
        prefetch_at_start=seen.prefetch_at_start,
        prefetch=seen.prefetch,
    )


def unended(
    orders: Iterable[VtexOrder], asked: Iterable[AskedCommand], answers: Mapping[int, CommandAnswer]
) -> list[str]:
    """Name the orders that something is left to do for."""
    vtex = {order.order_id: order for order in orders}
    left = {o.order_id for o in vtex.values() if o.events_unacknowledged or not is_settled(o)}
    for one in asked:
        answer = None if one.row is None else answers.get(one.row)
        is_open = one.row is not None and (answer is None or answer.state not in _ENDED)
        if is_open or (one.has_to_last and not is_in_effect(one, vtex[one.order_id])):
            left.add(one.order_id)
    return sorted(left)


def waits_of(
    orders: Collection[VtexOrder],
    arrivals: Mapping[str, float],
    asked: Iterable[AskedCommand],
    asked_at: Mapping[int, float],
) -> Waits:
    """Work out how long some orders and their invoices waited; times are epoch seconds."""
    placed = [
        arrivals.get(order.order_id, math.inf) - order.ready_at
        for order in orders
        if order.ready_at is not None
    ]
    invoiced = {order.order_id: order.invoiced_at for order in orders}
    sent = [
        _after(asked_at[one.row], invoiced[one.order_id])
        for one in asked
        if one.kind == "invoice" and one.row is not None and one.order_id in invoiced
    ]
    never = [math.inf] * (len(orders) - len(sent))
    return Waits(tuple(placed), (*sent, *never))


def p99(waits: Iterable[float]) -> float:
    """Return the wait that 99 of 100 do not exceed; 0 where there are none."""
    return percentile(sorted(waits), 99) or 0.0


def _waits(world: World, accounts: Mapping[str, SeenAccount], order_ids: frozenset[str]) -> Waits:
    """Work out how long some of the neighbour's orders waited; there may be none."""
    if not order_ids:
        return Waits((), ())
    seen = accounts[NEIGHBOUR]
    return waits_of(
        [order for order in seen.sandbox.orders if order.order_id in order_ids],
        {order.order_id: order.placed_at for order in seen.erp_orders},
        seen.asked,
        world.accounts[NEIGHBOUR].asked_at,
    )


def _of_account(name: str, seen: SeenAccount, searched: Evidence) -> AccountEvidence:
    """Return the evidence of an account; what was searched for leaks is the same for all."""
    report = seen.sandbox.report
    facts = replace(
        searched,
        vtex_orders=seen.sandbox.orders,
        erp_orders=seen.erp_orders,
        feed_visible=report.feed_visible,
        feed_in_flight=report.feed_in_flight,
        asked=seen.asked,
        answers=seen.answers,
    )
    return AccountEvidence(name, facts, sum(report.calls.values()), report.over_budget)


def _parked(rows: Iterable[Mapping[str, Any]]) -> Iterable[Parked]:
    return (
        Parked(row["account"], row["order_id"] or "?", row.get("kind"), row["cause"] or "")
        for row in rows
    )


def _after(begin: float, end: float | None) -> float:
    return math.inf if end is None else end - begin
