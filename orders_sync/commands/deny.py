"""Denials of a cancellation that the customer requested."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from orders_sync.commands.body import Body, Text
from orders_sync.commands.cancel import REQUEST
from orders_sync.commands.kind import GOODS, Kind
from orders_sync.commands.unseen import wait_for_cancellation
from orders_sync.commands.verdicts import AlreadyInVtex, Intent, Known, NotAllowed, Send, Verdict
from orders_sync.domain.fulfilment import Fulfilment
from orders_sync.domain.rules import Group, group_of
from orders_sync.domain.steps import Step


class DenyBody(Body):
    """A refusal of a requested cancellation; the customer sees the reason."""

    reason: Text = Field(description="Why; the customer reads it.")


def judge_deny(_: DenyBody, order: Fulfilment, known: Known) -> Verdict:
    """Judge the denial of a requested cancellation; what is sent is the request's id.

    https://developers.vtex.com/docs/guides/order-canceling-improvements
    """
    group = group_of(order.status, is_completed=order.is_completed)
    if group is not Group.REQUESTED:
        return _without_request(order, known, group)
    own = known.own_intent
    if own is not None:
        denied = {
            request.request_id for request in order.cancellation_requests if request.is_denied
        }
        if own.content in denied:
            return AlreadyInVtex("the requested cancellation is denied")
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


def _without_request(order: Fulfilment, known: Known, group: Group) -> AlreadyInVtex | NotAllowed:
    if group in {Group.CANCELLING, Group.CANCELLED}:
        return NotAllowed(
            "deny.cancelled",
            f"The order is {order.status}; there is nothing left to deny.",
            "Stop the shipment; discard the command.",
        )
    if known.own_intent is not None:
        return AlreadyInVtex("the requested cancellation is denied")
    return NotAllowed(
        "deny.not_requested",
        f"Nobody asks for a cancellation: the order is {order.status}.",
        "There is nothing to deny: discard the command.",
    )


def _is_requested_by_seller(order: Fulfilment, known: Known) -> bool:
    if order.cancellation_requested_by_seller is not None:
        return order.cancellation_requested_by_seller
    # The order had no request when this was sent, and has one now.
    return any(intent.kind == "cancel" and intent.content == REQUEST for intent in known.intents)


DENY: Final = Kind(
    name="deny",
    noun="denial",
    collection="denials",
    summary="Deny a cancellation that was requested.",
    body=DenyBody,
    example={"reason": "The order is packed already"},
    step=Step.SEND_DENY,
    operations=("get_order", "deny_cancellation"),
    line=GOODS,
    judge=judge_deny,
)
