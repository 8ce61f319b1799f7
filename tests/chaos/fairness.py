"""How long an account's orders and commands waited. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from orders_sync.demo.figures import percentile
from orders_sync.demo.records import AskedCommand, VtexOrder


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds, infinite for what never came.

    `placed` has one for each order, from its event to its row in the ERP, and `sent` one for each
    invoice, from its row in the ERP to its effect in VTEX.
    """

    placed: tuple[float, ...]
    sent: tuple[float, ...]


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


def _after(begin: float, end: float | None) -> float:
    return math.inf if end is None else end - begin
