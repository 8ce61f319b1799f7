"""Whether an order is settled and a command in effect, as VTEX and the ERP show it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from orders_sync.demo.records import AskedCommand, ErpOrder, VtexOrder
from orders_sync.domain.rules import (
    CANCELLATION_REQUESTED,
    CANCELLED,
    CANCELLING,
    IN_HANDLING,
    INVOICED,
    READY_FOR_HANDLING,
)

#: Orders that nobody can read, and that VTEX would still show as ready.
UNREADABLE = frozenset({"malformed", "vanished"})
TAKEN_OVER = IN_HANDLING | {INVOICED}
_UNDECIDED = CANCELLING | {CANCELLATION_REQUESTED}


def is_to_be_fulfilled(order: VtexOrder) -> bool:
    """Check whether the store owes the order to its customer."""
    readable = order.is_completed and order.trouble not in UNREADABLE
    return readable and (order.status == READY_FOR_HANDLING or order.status in TAKEN_OVER)


def is_settled(order: VtexOrder) -> bool:
    """Check whether VTEX is done with the order: not owed, or in handling, or past it."""
    if order.status in _UNDECIDED:
        return False
    return not is_to_be_fulfilled(order) or order.status in TAKEN_OVER


def all_settled(orders: Iterable[VtexOrder]) -> bool:
    """Check whether VTEX is done with every order."""
    return all(is_settled(order) for order in orders)


def is_in_effect(asked: AskedCommand, order: VtexOrder) -> bool:
    """Check whether a command's effect is in VTEX, whoever brought it there."""
    match asked.kind:
        case "invoice":
            package = order.package(asked.number)
            return package is not None and package.is_return == asked.is_return
        case "track":
            return _is_tracked(asked, order)
        case "cancel":
            return order.status in CANCELLED
        case "change":
            return any(change.is_done and change.reason == asked.words for change in order.changes)
        case "note":
            return asked.words in order.notes
        case _:
            return False


def all_in_effect(lasting: Iterable[AskedCommand], orders: Iterable[VtexOrder]) -> bool:
    """Check whether VTEX shows every command that has to last."""
    vtex = {order.order_id: order for order in orders}
    return all(is_in_effect(asked, vtex[asked.order_id]) for asked in lasting)


def cancelled_by_erp(asked: Iterable[AskedCommand]) -> set[str]:
    """Return the ids of the orders that the ERP itself had cancelled, or may have."""
    return {
        command.order_id
        for command in asked
        if command.kind == "cancel" and command.row is not None and not command.is_impossible
    }


def knows_the_end(order: VtexOrder, erp: ErpOrder, by_erp: Collection[str]) -> bool:
    """Check whether the ERP knows of an order's cancellation in VTEX, if there was one."""
    return order.status not in CANCELLED or erp.state == "cancelled" or erp.order_id in by_erp


def erp_agrees(
    orders: Iterable[VtexOrder], in_erp: Iterable[ErpOrder], asked: Iterable[AskedCommand]
) -> bool:
    """Check whether the ERP has every order to fulfil, and knows of each that VTEX cancelled.

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


def _is_tracked(asked: AskedCommand, order: VtexOrder) -> bool:
    package = order.package(asked.number)
    if package is None or asked.tracking_number not in {None, package.tracking_number}:
        return False
    arrived = package.is_delivered or not asked.is_delivered
    return arrived and set(asked.events) <= set(package.events)
