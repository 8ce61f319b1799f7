"""When nothing is left to do, as VTEX and those who ask for commands see it."""

from __future__ import annotations

from collections.abc import Iterable

from orders_sync.demo.asked import is_in_effect
from orders_sync.demo.demand import Demand
from orders_sync.demo.promises import (
    cancelled_by_erp,
    is_settled,
    is_to_be_fulfilled,
    knows_the_end,
)
from orders_sync.demo.records import AskedCommand, ErpOrder, VtexOrder


def all_settled(orders: Iterable[VtexOrder]) -> bool:
    """Say whether VTEX is done with every order."""
    return all(is_settled(order) for order in orders)


def erp_agrees(
    orders: Iterable[VtexOrder], in_erp: Iterable[ErpOrder], asked: Iterable[AskedCommand]
) -> bool:
    """Say whether the ERP has every order to fulfil, and knows of each that VTEX cancelled.

    Some come late, by reconciling alone: those that a person took over, and those that were
    cancelled while the feed told nothing.
    """
    there = {order.order_id: order for order in in_erp}
    by_erp = cancelled_by_erp(asked)
    return all(
        knows_the_end(order, there[order.order_id], by_erp)
        if order.order_id in there
        else not is_to_be_fulfilled(order)
        for order in orders
    )


def all_met(demand: Demand, orders: Iterable[VtexOrder]) -> bool:
    """Say whether all that will be wanted was asked for, and VTEX shows what of it can be.

    The orders were read before: for those that reached the ERP since then, nobody has asked yet.
    """
    vtex = {order.order_id: order for order in orders}
    return demand.is_met and all(is_in_effect(one, vtex[one.order_id]) for one in demand.wanted)
