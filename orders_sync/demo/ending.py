"""When nothing is left to do, as VTEX and those who ask for commands see it."""

from __future__ import annotations

from collections.abc import Iterable

from orders_sync.demo.asked import is_in_effect
from orders_sync.demo.promises import is_settled
from orders_sync.demo.records import AskedCommand, VtexOrder
from orders_sync.demo.sandbox_api import SandboxReport


def all_came_in(report: SandboxReport, orders: Iterable[VtexOrder]) -> bool:
    """Say whether every event is acknowledged and VTEX is done with every order."""
    return report.feed_is_empty and all(is_settled(order) for order in orders)


def all_in_effect(asked: Iterable[AskedCommand], orders: Iterable[VtexOrder]) -> bool:
    """Say whether VTEX shows every command that can be."""
    vtex = {order.order_id: order for order in orders}
    return all(one.is_impossible or is_in_effect(one, vtex[one.order_id]) for one in asked)
