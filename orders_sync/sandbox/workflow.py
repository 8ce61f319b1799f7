"""The way of an order to ready-for-handling, and the troubles it can have on it.

https://help.vtex.com/en/tutorial/order-flow-and-status--tutorials_196
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

MARKETPLACE = "Marketplace"
FULFILLMENT = "Fulfillment"
READY_FOR_HANDLING = "ready-for-handling"
UNKNOWN_STATE = "waiting-for-partner-review"

#: Statuses in which a cancellation is carried out without asking the seller.
BEFORE_HANDLING: Final = frozenset(
    {
        "payment-pending",
        "approve-payment",
        "payment-approved",
        "order-accepted",
        "waiting-ffmt-authorization",
        "waiting-for-manual-authorization",
        "authorize-fulfillment",
        "window-to-cancel",
    }
)
#: Statuses in which the seller has the goods, and may change the order.
IN_HANDLING: Final = frozenset({"handling", "waiting-for-fulfillment", "ready-for-invoicing"})
#: Statuses in which a cancellation is first requested.
SELLER_DECIDES: Final = IN_HANDLING | {READY_FOR_HANDLING}
#: Statuses in which an invoice of a sale is accepted.
TAKES_INVOICE: Final = SELLER_DECIDES | {
    "waiting-seller-handling",
    "cancellation-requested",
    "invoice-after-cancellation-deny",
    "invoice",
}
#: Statuses that only another order, or nothing, comes after.
ENDED: Final = frozenset({"cancel", "canceled", "replaced", "invoice", "invoiced"})


class Trouble(StrEnum):
    """What is odd about an order."""

    PLAIN = "plain"  # Nothing.
    CANCELED_EARLY = "canceled-early"  # It was ready, and is cancelled before anybody fetched it.
    REPLACED = "replaced"  # It was ready, and another order took its place.
    VANISHED = "vanished"  # Its events exist and it does not.
    INCOMPLETE = "incomplete"  # It never entered the workflow.
    HANDLED_IN_ADMIN = "handled-in-admin"  # A person started handling in VTEX's Admin.
    TWO_DOMAINS = "two-domains"  # Both domains say that it is ready.
    NULL_STATE = "null-state"  # One of its events has no state.
    UNKNOWN_STATE = "unknown-state"  # One of its events has a state that nobody knows.
    MALFORMED = "malformed"  # Its document is not what an order's must be.
    POISON_EVENT = "poison-event"  # One of its events is not what an event must be.


@dataclass(frozen=True, slots=True)
class StatusStep:
    """One change of an order, and the event that tells of it.

    A step that does not `move` the order is only an event; a `stray` event passes every filter; a
    `poison` event is unreadable.
    """

    domain: str
    state: str | None
    moves: bool = True
    stray: bool = False
    poison: bool = False


@dataclass(frozen=True, slots=True)
class OrderPath:
    """The steps of a new order: some a while apart, and the `last` ones all at the same moment."""

    paced: tuple[StatusStep, ...]
    last: tuple[StatusStep, ...]


READY: Final = StatusStep(FULFILLMENT, READY_FOR_HANDLING)
START_HANDLING: Final = StatusStep(FULFILLMENT, "start-handling")
HANDLING: Final = StatusStep(FULFILLMENT, "handling")
REPLACED: Final = StatusStep(FULFILLMENT, "replaced")
CANCELLATION_REQUESTED: Final = (
    StatusStep(MARKETPLACE, "waiting-for-seller-decision", moves=False),
    StatusStep(FULFILLMENT, "cancellation-requested"),
)
CANCELLATION_DENIED: Final = StatusStep(MARKETPLACE, "payment-approved", moves=False)
CANCELLATION_DENY_STUCK: Final = StatusStep(FULFILLMENT, "cancellation-request-denied-ffm")
INVOICE_AFTER_DENY: Final = StatusStep(FULFILLMENT, "invoice-after-cancellation-deny")
INVOICE: Final = (
    StatusStep(MARKETPLACE, "invoice", moves=False),
    StatusStep(FULFILLMENT, "invoice"),
)
INVOICED: Final = (
    StatusStep(MARKETPLACE, "invoiced", moves=False),
    StatusStep(FULFILLMENT, "invoiced"),
)
#: What a partial invoice ends in: the order waits for the next one.
INVOICED_IN_PART: Final = (StatusStep(MARKETPLACE, "payment-approved", moves=False), HANDLING)
CANCEL: Final = StatusStep(FULFILLMENT, "cancel")
CANCELED: Final = (
    StatusStep(MARKETPLACE, "canceled", moves=False),
    StatusStep(FULFILLMENT, "canceled"),
)

_PAID: Final = (
    StatusStep(MARKETPLACE, "order-created"),
    StatusStep(MARKETPLACE, "on-order-completed"),
    StatusStep(MARKETPLACE, "payment-pending"),
    StatusStep(MARKETPLACE, "approve-payment"),
    StatusStep(MARKETPLACE, "payment-approved"),
    StatusStep(FULFILLMENT, "authorize-fulfillment"),
    StatusStep(FULFILLMENT, "window-to-cancel"),
)
_NULL: Final = StatusStep(FULFILLMENT, None, stray=True)
_UNKNOWN: Final = StatusStep(FULFILLMENT, UNKNOWN_STATE, stray=True)
_POISON: Final = StatusStep(FULFILLMENT, READY_FOR_HANDLING, moves=False, poison=True, stray=True)
_READY_TOO: Final = StatusStep(MARKETPLACE, READY_FOR_HANDLING, moves=False)

_PATHS: Final = {
    Trouble.CANCELED_EARLY: OrderPath(_PAID, (READY, CANCEL, *CANCELED)),
    Trouble.REPLACED: OrderPath(_PAID, (READY, REPLACED)),
    Trouble.INCOMPLETE: OrderPath((), (replace(_NULL, domain=MARKETPLACE), _NULL)),
    Trouble.HANDLED_IN_ADMIN: OrderPath(_PAID, (READY, START_HANDLING, HANDLING)),
    Trouble.TWO_DOMAINS: OrderPath(_PAID, (_READY_TOO, READY)),
    Trouble.NULL_STATE: OrderPath(_PAID, (replace(_NULL, moves=False), READY)),
    Trouble.UNKNOWN_STATE: OrderPath((*_PAID, _UNKNOWN), (READY,)),
    Trouble.POISON_EVENT: OrderPath(_PAID, (_POISON, READY)),
}
_PLAIN: Final = OrderPath(_PAID, (READY,))


def path_of(trouble: Trouble) -> OrderPath:
    """Return the steps of a new order with this trouble."""
    return _PATHS.get(trouble, _PLAIN)
