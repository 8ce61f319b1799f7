"""The statuses of a VTEX order that the rules tell apart.

VTEX's list is open and some orders have no status at all, so a status travels as `str | None`
and anything not named here belongs to no group.
https://help.vtex.com/en/tutorial/order-flow-and-status--tutorials_196
"""

from __future__ import annotations

READY_FOR_HANDLING = "ready-for-handling"
CANCELLATION_REQUESTED = "cancellation-requested"
INVOICED = "invoiced"

#: Statuses from which VTEX itself moves the order on towards ready-for-handling.
BEFORE_HANDLING = frozenset(
    {
        "order-created",
        "on-order-completed",
        "on-order-completed-ffm",
        "order-completed",
        "order-accepted",
        "payment-pending",
        "waiting-for-order-authorization",
        "approve-payment",
        "payment-approved",
        "waiting-for-seller-decision",
        "waiting-ffmt-authorization",
        "waiting-for-authorization",
        "waiting-for-manual-authorization",
        "waiting-for-sellers-confirmation",
        "waiting-for-mkt-authorization",
        "waiting-seller-handling",
        "authorize-fulfillment",
        "release-to-fulfillment",
        "window-to-cancel",
        "window-to-change-seller",
        "window-to-change-payment",
    }
)

#: The order was taken over for fulfilment, by us or by a person in VTEX's Admin.
IN_HANDLING = frozenset(
    {
        "start-handling",
        "handling",
        "waiting-for-fulfillment",
        "ready-for-invoicing",
        "invoice-after-cancellation-deny",
        "invoice",
    }
)

#: VTEX is cancelling; the order ends as canceled, or falls back to where it was.
CANCELLING = frozenset({"request-cancel", "cancel"})

#: Ends from which nobody may fulfil the order.
CANCELLED = frozenset(
    {"canceled", "replaced", "payment-denied", "order-create-error", "order-creation-error"}
)

#: Statuses whose event asks nothing of us: VTEX tells again when the order moves on.
UNEVENTFUL = BEFORE_HANDLING | CANCELLING | (IN_HANDLING - {"handling"})
