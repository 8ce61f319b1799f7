"""What a person can do about an order that VTEX does not get on with.

The numbers are those of VTEX's known issues: https://help.vtex.com/en/known-issues
"""

from __future__ import annotations

from typing import Final

from orders_sync.upkeep.drift import Kind

_ASK_VTEX = "Open a ticket with VTEX's support and name the order, then retry it"

_STUCK: Final = {
    "authorize-fulfillment": f"VTEX has not confirmed the reservation of the goods. {_ASK_VTEX}.",
    "window-to-cancel": "The time in which the shopper may cancel is over and VTEX has not ended "
    f"it. {_ASK_VTEX}.",
    "start-handling": "VTEX took start-handling and never ended it (known issue 1218606). "
    f"{_ASK_VTEX}.",
    "invoice": "VTEX has invoices of the whole value and is not done verifying them: the payment "
    "may not be settled. Look at the transaction in VTEX's Admin. "
    f"{_ASK_VTEX}.",
    "request-cancel": "A cancellation raced an invoice, which VTEX does not get out of (known "
    f"issue 1400005). Stop the shipment until it is decided. {_ASK_VTEX}.",
    "cancel": "VTEX is cancelling and does not end it (known issues 1198719 and 1089344). Stop "
    f"the shipment until it is decided. {_ASK_VTEX}.",
    "cancellation-request-denied-ffm": "A cancellation that the seller had asked for was denied "
    f"(known issue 1004978). {_ASK_VTEX}.",
}
_STUCK_ELSEWHERE: Final = f"VTEX leaves this status by itself, and has not. {_ASK_VTEX}."

_UNMENDED: Final = {
    Kind.NOT_HANDLING: "VTEX takes start-handling and shows the order as ready for it all the "
    "same. Start handling in VTEX's Admin, then retry the order.",
    Kind.NOT_INVOICED: "VTEX took invoices of the whole value and does not show the order as "
    f"invoiced. Look at its packages and its transaction in VTEX's Admin. {_ASK_VTEX}.",
    Kind.CANCELLED_HERE: "The order was cancelled here and goes on in VTEX. Decide which is "
    "right: cancel it in VTEX, or retry the order.",
}
_UNMENDED_ELSEWHERE: Final = (
    "VTEX and the ledger disagree, and reading the order did not change that. Compare the order "
    "in VTEX's Admin with what happened here, then retry it."
)


def hint_for_stuck(status: str | None) -> str:
    """Say what helps an order that is stuck in a status."""
    return _STUCK.get(status or "", _STUCK_ELSEWHERE)


def hint_for_unmended(kind: Kind) -> str:
    """Say what a person can do about what a read did not mend."""
    return _UNMENDED.get(kind, _UNMENDED_ELSEWHERE)
