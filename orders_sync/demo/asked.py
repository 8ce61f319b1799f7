"""Whether VTEX shows what it was asked for."""

from __future__ import annotations

from orders_sync.demo.records import AskedCommand, VtexOrder
from orders_sync.domain.rules import CANCELLED


def is_in_effect(asked: AskedCommand, order: VtexOrder) -> bool:
    """Say whether a command's effect is in VTEX, whoever brought it there."""
    match asked.kind:
        case "invoice":
            package = order.package(asked.number)
            return package is not None and package.is_return == asked.is_return
        case "track":
            return _is_tracked(asked, order)
        case "cancel":
            return order.status in CANCELLED
        case "change":
            return any(one.is_done and one.reason == asked.words for one in order.changes)
        case "note":
            return asked.words in order.notes
        case _:
            return False


def _is_tracked(asked: AskedCommand, order: VtexOrder) -> bool:
    package = order.package(asked.number)
    if package is None or asked.tracking_number not in {None, package.tracking_number}:
        return False
    arrived = package.is_delivered or not asked.is_delivered
    return arrived and set(asked.events) <= set(package.events)
