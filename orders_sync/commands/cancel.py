"""Cancellations: their body, and when one may be requested or confirmed."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from pydantic import Field

from orders_sync.commands.body import Body, Text
from orders_sync.commands.kind import GOODS, Kind
from orders_sync.commands.unseen import wait_for_open_invoices
from orders_sync.commands.verdicts import (
    AlreadyInVtex,
    Intent,
    Known,
    NotAllowed,
    Send,
    Verdict,
    Wait,
)
from orders_sync.domain.fulfilment import Fulfilment
from orders_sync.domain.rules import Group, group_of
from orders_sync.domain.steps import Step

#: What a cancellation's intent says it is.
REQUEST: Final = "request"
CONFIRMATION: Final = "confirmation"

_LOOK_AGAIN_SECONDS: Final = 5.0


class CancelBody(Body):
    """A cancellation and its reason."""

    reason: Text = Field(description="Why; the customer may read it.")


def judge_cancel(_: CancelBody, order: Fulfilment, known: Known) -> Verdict:
    """Judge a cancellation.

    In handling VTEX takes it in two steps: a request, and its confirmation by the same call. What
    was invoiced, even in part, VTEX cancels no more.
    https://help.vtex.com/en/tutorial/how-to-cancel-order--tutorials_186
    """
    group = group_of(order.status, is_completed=order.is_completed)
    if group is Group.CANCELLED:
        return AlreadyInVtex(f"the order is {order.status}")
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
    content = CONFIRMATION if group is Group.REQUESTED else REQUEST
    return Send(None, Intent("cancel", known.now, content=content))


def _wait_for_own(group: Group, known: Known) -> Wait | None:
    """Return the wait until the order shows what this command sent; a request shows in between."""
    own = known.own_intent
    if own is None or (own.content == REQUEST and group is Group.REQUESTED):
        return None
    if known.cancelled_at is not None and known.cancelled_at >= own.at:
        # VTEX has it, so it is only a matter of looking.
        wait = known.wait_until_shown("VTEX took the cancellation", known.cancelled_at)
        return wait and replace(wait, seconds=min(wait.seconds, _LOOK_AGAIN_SECONDS))
    return known.wait_for_own()


CANCEL: Final = Kind(
    name="cancel",
    noun="cancellation",
    collection="cancellations",
    summary="Cancel an order in VTEX.",
    body=CancelBody,
    example={"reason": "Out of stock"},
    step=Step.SEND_CANCEL,
    operations=("get_order", "cancel_order"),
    line=GOODS,
    judge=judge_cancel,
)
