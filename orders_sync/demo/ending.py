"""When nothing is left to do, as VTEX and those who ask for commands see it."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from orders_sync.demo.asked import is_in_effect
from orders_sync.demo.demand import Demand
from orders_sync.demo.promises import is_settled, is_to_be_fulfilled
from orders_sync.demo.records import VtexOrder


def all_settled(orders: Iterable[VtexOrder]) -> bool:
    """Say whether VTEX is done with every order."""
    return all(is_settled(order) for order in orders)


def all_placed(orders: Iterable[VtexOrder], in_erp: Collection[str]) -> bool:
    """Say whether the ERP has every order to fulfil, those included that a person took over."""
    return all(order.order_id in in_erp for order in orders if is_to_be_fulfilled(order))


def all_met(demand: Demand, orders: Iterable[VtexOrder]) -> bool:
    """Say whether all that will be wanted was asked for, and VTEX shows what of it can be.

    The orders were read before: for those that reached the ERP since then, nobody has asked yet.
    """
    vtex = {order.order_id: order for order in orders}
    return demand.is_met and all(
        one.is_impossible or is_in_effect(one, vtex[one.order_id]) for one in demand.asked
    )
