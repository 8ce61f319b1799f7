"""May this order be cancelled, or its cancellation denied?"""

from __future__ import annotations

from orders_sync.domain.fulfilment import Fulfilment
from orders_sync.domain.rules import Group, group_of
from orders_sync.domain.sending.verdicts import AlreadySo, Known, NotAllowed, Send, Wait


def judge_cancel(order: Fulfilment, known: Known) -> Send[None] | AlreadySo | Wait | NotAllowed:
    """Judge a cancellation.

    In handling VTEX takes it in two steps: a request, and its confirmation by the same call. What
    was invoiced, even in part, VTEX cancels no more.
    https://help.vtex.com/en/tutorial/how-to-cancel-order--tutorials_186
    """
    group = group_of(order.status, is_completed=order.is_completed)
    if group is Group.CANCELLED:
        return AlreadySo(f"the order is {order.status}")
    if group is Group.CANCELLING:
        return Wait("VTEX is cancelling the order", 5)
    if group is Group.INVOICED or order.invoiced_cents or known.sent_invoices:
        return NotAllowed(
            "cancel.invoiced",
            f"The order is invoiced ({order.invoiced_cents} of {order.value_cents} cents), and "
            "VTEX cancels no invoiced order.",
            "Take the goods back with an Input invoice (a return) in place of a cancellation.",
        )
    if group is Group.INCOMPLETE:
        return NotAllowed(
            "cancel.incomplete",
            "The order is not complete in VTEX, which cancels only complete ones.",
            "VTEX drops incomplete orders by itself; discard the command.",
        )
    if order.status in {"start-handling", "invoice"}:
        return Wait(f"VTEX takes no cancellation in {order.status}", 5)
    if known.is_changing:
        return Wait("a change of the order is not finished", 10)
    return Send(None)


def judge_deny(order: Fulfilment, known: Known) -> Send[str] | AlreadySo | NotAllowed:
    """Judge the denial of a requested cancellation; gives the request's id to send.

    https://developers.vtex.com/docs/guides/order-canceling-improvements
    """
    group = group_of(order.status, is_completed=order.is_completed)
    if group is not Group.REQUESTED:
        if group in {Group.CANCELLING, Group.CANCELLED}:
            return NotAllowed(
                "deny.cancelled",
                f"The order is {order.status}; there is nothing left to deny.",
                "Stop the shipment; discard the command.",
            )
        return AlreadySo(f"no cancellation is requested: the order is {order.status}")
    if known.is_cancelling or order.cancellation_requested_by_seller:
        return NotAllowed(
            "deny.own_request",
            "The cancellation was requested by this account itself; denying it would leave the "
            "order stuck in VTEX (known issue 1004978).",
            "Confirm it with `orders-sync cancel`, or send the invoice.",
        )
    if order.cancellation_request_id is None:
        return NotAllowed(
            "deny.request_unknown",
            "VTEX shows no cancellation request to deny.",
            "Deny it in VTEX's Admin, or retry once the order shows the request.",
        )
    return Send(order.cancellation_request_id)
