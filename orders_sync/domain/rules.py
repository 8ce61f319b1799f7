"""The rules: what an order needs next, by its present status and by how far we are with it.

Two tables. `judge_event` says whether an event of the feed makes us read its order, and
`judge_order` what the order that was read needs next. Nothing here does anything.

VTEX's list of statuses is open and some orders have no status at all, so a status travels as
`str | None`, and one that is not named here belongs to no group.
https://help.vtex.com/en/tutorial/order-flow-and-status--tutorials_196
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

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


class Progress(StrEnum):
    """How far an order is with us."""

    SEEN = "seen"  # An event named it.
    FETCHED = "fetched"  # Its document is in the ledger.
    OFFERED = "offered"  # It is on its way to the ERP, which may have it already.
    PLACED = "placed"  # The ERP has it.
    HANDLING = "handling"  # The ERP has it, and VTEX knows.


class Standing(StrEnum):
    """What is happening with an order now."""

    ACTIVE = "active"  # A step is on its queue or running.
    WAITING = "waiting"  # The next try has a time.
    PARKED = "parked"  # A person decides.
    DONE = "done"  # Nothing is left to do.
    VOID = "void"  # It was cancelled; nobody fulfils it.


#: The standings of what is not at its end and needs no person.
OPEN: Final = (Standing.ACTIVE, Standing.WAITING)
UNFINISHED: Final = (*OPEN, Standing.PARKED)


class Action(StrEnum):
    """What an order that was just read needs."""

    HAND_OVER = "hand over"  # Give it to the ERP.
    START_HANDLING = "start handling"  # Tell VTEX that the ERP has it.
    FINISH = "finish"  # It is where it should be.
    IGNORE = "ignore"  # It was finished without us.
    LOOK_AGAIN = "look again"  # VTEX has not decided yet.
    CANCEL_IN_ERP = "cancel in ERP"  # The ERP has an order that VTEX cancelled.
    VOID = "void"  # It was cancelled before the ERP could have it.
    ASK = "ask"  # A cancellation was requested; the ERP decides.


class Group(StrEnum):
    """Statuses that are treated alike."""

    INCOMPLETE = "incomplete"
    BEFORE = "before handling"
    READY = "ready for handling"
    HANDLING = "in handling"
    INVOICED = "invoiced"
    REQUESTED = "cancellation requested"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled or replaced"
    UNKNOWN = "null or unknown"


A = Action

#: status group: (the ERP has not got it, it may have it, it has it and VTEX may have been told)
_ORDER_RULES: Final[dict[Group, tuple[Action, Action, Action]]] = {
    Group.INCOMPLETE: (A.LOOK_AGAIN, A.LOOK_AGAIN, A.LOOK_AGAIN),
    Group.BEFORE: (A.LOOK_AGAIN, A.LOOK_AGAIN, A.LOOK_AGAIN),
    Group.READY: (A.HAND_OVER, A.HAND_OVER, A.START_HANDLING),
    Group.HANDLING: (A.HAND_OVER, A.HAND_OVER, A.FINISH),
    Group.INVOICED: (A.IGNORE, A.IGNORE, A.FINISH),
    Group.REQUESTED: (A.ASK, A.ASK, A.ASK),
    Group.CANCELLING: (A.LOOK_AGAIN, A.LOOK_AGAIN, A.LOOK_AGAIN),
    Group.CANCELLED: (A.VOID, A.CANCEL_IN_ERP, A.CANCEL_IN_ERP),
    Group.UNKNOWN: (A.LOOK_AGAIN, A.LOOK_AGAIN, A.LOOK_AGAIN),
}

_COLUMN: Final = {
    Progress.SEEN: 0,
    Progress.FETCHED: 0,
    Progress.OFFERED: 1,
    Progress.PLACED: 2,
    Progress.HANDLING: 2,
}


def group_of(status: str | None, *, is_completed: bool = True) -> Group:
    """Return the group of a status; an order that is not complete is never acted on."""
    if not is_completed:
        return Group.INCOMPLETE
    if status == READY_FOR_HANDLING:
        return Group.READY
    if status == INVOICED:
        return Group.INVOICED
    if status == CANCELLATION_REQUESTED:
        return Group.REQUESTED
    for statuses, group in (
        (BEFORE_HANDLING, Group.BEFORE),
        (IN_HANDLING, Group.HANDLING),
        (CANCELLING, Group.CANCELLING),
        (CANCELLED, Group.CANCELLED),
    ):
        if status in statuses:
            return group
    return Group.UNKNOWN


def judge_order(status: str | None, progress: Progress, *, is_completed: bool = True) -> Action:
    """Return what an order that was just read needs next."""
    return _ORDER_RULES[group_of(status, is_completed=is_completed)][_COLUMN[progress]]


def judge_event(
    state: str | None, progress: Progress | None, *, tells_changes: bool = False
) -> bool:
    """Check whether an event makes us read its order; `progress` is None for an order never seen.

    A state that is null or unknown is no answer, so the order is read. `ready-for-handling` and
    `handling` say nothing new once the ERP has the order and VTEX was told; but with an ERP that is
    told of changes, `handling` may come for one.
    """
    if state in UNEVENTFUL:
        return False
    known_states = {READY_FOR_HANDLING} if tells_changes else {READY_FOR_HANDLING, "handling"}
    return not (progress is Progress.HANDLING and state in known_states)
