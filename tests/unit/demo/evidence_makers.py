"""Makes evidence of a demo in which all went well, to be spoiled in one place."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from orders_sync.demo.promises import PromiseVerdict, judge
from orders_sync.demo.records import (
    PLAIN,
    AskedCommand,
    CommandAnswer,
    ErpOrder,
    Evidence,
    ParcelEvent,
    SoldLine,
    VtexOrder,
    VtexPackage,
)

LINES = (SoldLine("A", "10", 1, 500), SoldLine("B", "10", 2, 700))
POSTED = ParcelEvent("Objeto postado", "São Paulo", "SP", "2026-11-27")
ARRIVED = ParcelEvent("Entregue", "Belém", "PA", "2026-11-30")
PACKAGE = VtexPackage("7", False, 1200, 0, "BR7", (POSTED, ARRIVED), True)


def vtex(order_id: str = "1-01", **changes: Any) -> VtexOrder:
    """Make an order that went all the way."""
    order = VtexOrder(
        order_id=order_id,
        trouble=PLAIN,
        status="invoiced",
        is_completed=True,
        value_cents=1200,
        lines=LINES,
        ready_at=10.0,
        handling_at=12.0,
        start_handling_effects=1,
        start_handling_at=(12.0,),
        events_unacknowledged=0,
        packages=(PACKAGE,),
        invoiced_at=13.0,
        tracked_at=14.0,
    )
    return replace(order, **changes)


def erp(order_id: str = "1-01", **changes: Any) -> ErpOrder:
    """Make the same order as the ERP has it."""
    order = ErpOrder(order_id, state="new", value_cents=1200, lines=LINES[::-1], placed_at=11.0)
    return replace(order, **changes)


def asked_for(order_id: str = "1-01") -> tuple[AskedCommand, ...]:
    """Ask for the order's invoice and its tracking, in rows 1 to 3."""
    return (
        AskedCommand(order_id, "track", "7", events=(ARRIVED,), is_delivered=True, row=1),
        AskedCommand(order_id, "invoice", "7", row=2),
        AskedCommand(order_id, "track", "7", tracking_number="BR7", events=(POSTED,), row=3),
    )


ANSWERS = {row: CommandAnswer("done", None) for row in (1, 2, 3)}

#: An order on which nothing was done, neither by us nor by anybody else.
UNTOUCHED: dict[str, Any] = {
    "handling_at": None,
    "start_handling_effects": 0,
    "start_handling_at": (),
    "packages": (),
    "invoiced_at": None,
    "tracked_at": None,
}


def judged(
    orders: tuple[VtexOrder, ...] = (vtex(),), rows: tuple[ErpOrder, ...] = (erp(),), **more: Any
) -> dict[str, PromiseVerdict]:
    """Judge some evidence; give the verdicts by name."""
    facts: dict[str, Any] = {
        "feed_visible": 0,
        "feed_in_flight": 0,
        "leaks": (),
        "searched": 5,
        "people": 9,
        "asked": asked_for(),
        "answers": ANSWERS,
    }
    evidence = Evidence(orders, rows, **{**facts, **more})
    return {verdict.name: verdict for verdict in judge(evidence)}


def broken(verdicts: dict[str, PromiseVerdict]) -> set[str]:
    """Name the promises that were broken."""
    return {name for name, verdict in verdicts.items() if not verdict.kept}
