"""May this order be cancelled, or its cancellation denied?"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from orders_sync.domain.fulfilment import Fulfilment
from orders_sync.domain.rules import Group, group_of
from orders_sync.domain.sending.intents import Intent
from orders_sync.domain.sending.unseen import wait_for_cancellation, wait_for_open_invoices
from orders_sync.domain.sending.verdicts import AlreadySo, Known, NotAllowed, Send, Wait

#: What a cancellation's intent says it is.
_REQUEST: Final = "request"
_CONFIRMATION: Final = "confirmation"

_LOOK_AGAIN_SECONDS: Final = 5.0


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
    wait = (
        _wait_for_own(group, known)
        or wait_for_open_invoices(order, known)
        or known.wait_until_shown(
            "a change may be in VTEX and does not show yet",
            *(intent.at for intent in known.open_intents("change")),
        )
    )
    if wait is not None:
        return wait
    content = _CONFIRMATION if group is Group.REQUESTED else _REQUEST
    return Send(None, Intent("cancel", known.now, content=content))


def _wait_for_own(group: Group, known: Known) -> Wait | None:
    """Return the wait until the order shows what this command sent; a request shows in between."""
    own = known.own_intent
    if own is None or (own.content == _REQUEST and group is Group.REQUESTED):
        return None
    if known.cancelled_at is not None and known.cancelled_at >= own.at:
        # VTEX has it, so it is only a matter of looking.
        wait = known.wait_until_shown("VTEX took the cancellation", known.cancelled_at)
        return wait and replace(wait, seconds=min(wait.seconds, _LOOK_AGAIN_SECONDS))
    return known.wait_for_own()


def judge_deny(order: Fulfilment, known: Known) -> Send[str] | AlreadySo | Wait | NotAllowed:
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
    own = known.own_intent
    if own is not None:
        denied = {
            request.request_id for request in order.cancellation_requests if request.is_denied
        }
        if own.content in denied:
            return AlreadySo("the requested cancellation is denied")
        wait = known.wait_for_own()
        if wait is not None:
            return wait
    if known.is_cancelling or _is_requested_by_seller(order, known):
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
    wait = wait_for_cancellation(known)
    if wait is not None:
        return wait
    request_id = order.cancellation_request_id
    return Send(request_id, Intent("deny", known.now, content=request_id))


def _is_requested_by_seller(order: Fulfilment, known: Known) -> bool:
    if order.cancellation_requested_by_seller is not None:
        return order.cancellation_requested_by_seller
    # The order had no request when this was sent, and has one now.
    return any(intent.kind == "cancel" and intent.content == _REQUEST for intent in known.intents)
