"""How VTEX and the ledger can disagree about an order, judged from a row of VTEX's list. Pure.

The list is minutes behind and may be wrong for good, so a discrepancy is a suspicion: it has the
order itself read, which decides. What a read did not mend is found again, and a person is told.
The judgement of orders that are stuck takes the document of the last read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from orders_sync.domain.rules import Group, Progress, Standing, group_of
from orders_sync.domain.steps import Step
from orders_sync.errors import Unreadable
from orders_sync.ledger.reconciliation import PARKED, DiscrepancyRecord, Unmoved
from orders_sync.vtex.fulfilment import fulfilment, last_change
from orders_sync.vtex.orders import OrderRow

#: What changed so lately is not compared: the list is behind, and a step may be on its way.
GRACE: Final = timedelta(minutes=10)

#: What was found is not found again so soon: it was read, and that takes its time.
RECHECK: Final = timedelta(hours=6)

#: What is found again within this time was not mended by the read in between.
_MEMORY: Final = timedelta(days=7)

#: Settling an invoice is VTEX's business, and takes longer than the other steps.
_SETTLING: Final = timedelta(hours=1)

#: Statuses that VTEX leaves by itself, mostly within minutes.
TRANSIENT: Final = frozenset(
    {
        "authorize-fulfillment",
        "window-to-cancel",
        "start-handling",
        "invoice",
        "request-cancel",
        "cancel",
        "replace",
        "cancellation-request-denied-ffm",
    }
)

#: People gave these orders up, and only an event of VTEX's takes them up again.
_GIVEN_UP: Final = frozenset({"order.discarded", "order.forgotten"})

#: The cause of an order that is parked because it is stuck.
STUCK_CAUSE: Final = "vtex.stuck"

_WITH_ERP: Final = frozenset({Progress.PLACED, Progress.HANDLING})

#: A document older than this may have been overtaken: the order is read before it is parked.
FRESH: Final = timedelta(hours=1)

_INVOICING: Final = "invoice"

#: A person who has an order read again has so long before it is parked again.
_REMINDER: Final = timedelta(days=1)


class Mismatch(StrEnum):
    """The ways to disagree."""

    READY_UNKNOWN = "ready.unknown"  # Ready for handling in VTEX, and never heard of here.
    HANDLING_UNKNOWN = "handling.unknown"  # Taken over by a person while the feed told nothing.
    READY_IDLE = "ready.idle"  # Ready for handling in VTEX, and nobody works on it here.
    NOT_HANDLING = "handling.missing"  # The ERP has it, and VTEX shows it as ready.
    CHANGED = "order.changed"  # Of another value in VTEX than its ERP was told.
    NOT_INVOICED = "invoice.missing"  # Invoiced in full here, and not invoiced in VTEX.
    INVOICED_OPEN = "invoiced.open"  # Invoiced in VTEX, and open here.
    CANCELLED_THERE = "cancelled.in_vtex"  # Cancelled in VTEX only.
    CANCELLED_HERE = "cancelled.here"  # Cancelled here only.
    STUCK = "stuck"  # In a transient status for long.
    MOVED_ON = "moved_on"  # Parked by reconciling, and VTEX got on with it.


#: Why an order is parked whose disagreement a read did not mend.
UNMENDED_CAUSES: Final = {
    Mismatch.NOT_HANDLING: "vtex.not_handling",
    Mismatch.NOT_INVOICED: "vtex.not_invoiced",
    Mismatch.CANCELLED_HERE: "vtex.not_cancelled",
    Mismatch.READY_IDLE: "vtex.disagrees",
}

#: What a person can do; the numbers are VTEX's known issues: https://help.vtex.com/en/known-issues
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
    Mismatch.NOT_HANDLING: "VTEX takes start-handling and shows the order as ready for it all the "
    "same. Start handling in VTEX's Admin, then retry the order.",
    Mismatch.NOT_INVOICED: "VTEX took invoices of the whole value and does not show the order as "
    f"invoiced. Look at its packages and its transaction in VTEX's Admin. {_ASK_VTEX}.",
    Mismatch.CANCELLED_HERE: "The order was cancelled here and goes on in VTEX. Decide which is "
    "right: cancel it in VTEX, or retry the order.",
}
_UNMENDED_ELSEWHERE: Final = (
    "VTEX and the ledger disagree, and reading the order did not change that. Compare the order "
    "in VTEX's Admin with what happened here, then retry it."
)

#: The causes of orders that reconciling parked: once VTEX shows another status, they are read.
_OURS: Final = frozenset({STUCK_CAUSE, *UNMENDED_CAUSES.values()})


@dataclass(frozen=True, slots=True)
class InvoiceSum:
    """An invoice of a sale that VTEX took; `value_cents` is 0 where it was there before."""

    command_id: str
    value_cents: int
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class KnownOrder:
    """An order as the ledger knows it; `found` is when each kind was found last.

    `value_cents` is its value in the document that was read last, where that is compared.
    """

    progress: Progress
    standing: Standing
    next_step: str | None
    status: str | None
    cause: str | None
    updated_at: datetime
    lease_until: datetime | None
    invoices: tuple[InvoiceSum, ...] = ()
    was_cancelled: bool = False
    value_cents: int | None = None
    found: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def waits_for_vtex(self) -> bool:
        """Whether it was read, and VTEX has to get on with it."""
        is_read = self.next_step == Step.FETCH and self.progress is not Progress.SEEN
        return self.standing is Standing.WAITING and is_read


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """One disagreement; `is_unmended` where a read since the last time changed nothing."""

    kind: Mismatch
    order_id: str
    note: str
    is_unmended: bool = False
    invoices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stuck:
    """An order that does not move; `is_sure` where it was read just now."""

    found: DiscrepancyRecord
    status: str
    is_sure: bool


def judge(
    row: OrderRow,
    known: KnownOrder | None,
    *,
    now: datetime,
    patience: timedelta,
    heard_since: datetime | None = None,
) -> Discrepancy | None:
    """Compare a row of VTEX's list with what the ledger knows of the order.

    `patience` is how long a transient status may last, and `heard_since` when the account's first
    order was heard of. What is being worked on, or was looked at lately, is left alone.
    """
    group = group_of(row.status, is_completed=row.order_is_complete is not False)
    if known is None:
        kind = _of_unknown(row, group, now, patience, heard_since)
    elif _is_left_alone(known, now):
        return None
    else:
        kind = _of_known(row, group, known, now, patience)
    if kind is None:
        return None
    found_at = known.found.get(kind) if known else None
    if found_at is not None and now - found_at < RECHECK:
        return None
    status = row.status or "no status"
    note = (
        f"{status} in VTEX's list, unknown here"
        if known is None
        else f"{status} in VTEX's list, {known.progress} and {known.standing} here"
    )
    return Discrepancy(
        kind,
        row.order_id,
        note,
        is_unmended=known is not None
        and kind in UNMENDED_CAUSES
        and found_at is not None
        and now - found_at < _MEMORY
        and known.status == row.status,
        invoices=_invoices(known) if kind is Mismatch.NOT_INVOICED else (),
    )


def judge_stuck(unmoved: Unmoved, *, now: datetime, patience: timedelta) -> Stuck | None:
    """Judge an order that showed a transient status when it was read last."""
    since = _unmoved_since(unmoved)
    if since is None or now - since < patience:
        return None
    is_sure = now - unmoved.read_at < FRESH
    last_at = unmoved.found.get(f"{PARKED} {Mismatch.STUCK}" if is_sure else Mismatch.STUCK)
    if last_at is not None and now - last_at < (_REMINDER if is_sure else RECHECK):
        return None
    note = f"{unmoved.status} in VTEX since {since:%Y-%m-%d %H:%M} UTC"
    return Stuck(
        DiscrepancyRecord(unmoved.order_id, Mismatch.STUCK.value, note), unmoved.status, is_sure
    )


def hint_for_stuck(status: str | None) -> str:
    """Return what helps an order that is stuck in a status."""
    return _STUCK.get(status or "", _STUCK_ELSEWHERE)


def hint_for_unmended(kind: Mismatch) -> str:
    """Return what a person can do about what a read did not mend."""
    return _UNMENDED.get(kind, _UNMENDED_ELSEWHERE)


def _invoices(known: KnownOrder | None) -> tuple[str, ...]:
    return tuple(invoice.command_id for invoice in known.invoices) if known else ()


def _is_left_alone(known: KnownOrder, now: datetime) -> bool:
    is_leased = known.lease_until is not None and known.lease_until > now
    return (
        is_leased
        or known.standing is Standing.ACTIVE
        or known.cause in _GIVEN_UP
        or now - known.updated_at < GRACE
    )


def _of_unknown(
    row: OrderRow, group: Group, now: datetime, patience: timedelta, heard_since: datetime | None
) -> Mismatch | None:
    """Judge an order that was never heard of.

    One in handling was somebody else's if it is older than what we heard of. Since then the feed
    would have told of it before anybody took it over.
    """
    if group is Group.READY:
        return Mismatch.READY_UNKNOWN if _age(row, now) >= GRACE else None
    if group is Group.HANDLING:
        is_ours = _is_since(heard_since, row) and _age(row, now) >= GRACE
        return Mismatch.HANDLING_UNKNOWN if is_ours else None
    is_stuck = group is Group.BEFORE and row.status in TRANSIENT and _age(row, now) >= patience
    return Mismatch.STUCK if is_stuck else None


def _is_since(moment: datetime | None, row: OrderRow) -> bool:
    created = row.creation_date
    return moment is not None and created is not None and created >= moment


def _age(row: OrderRow, now: datetime) -> timedelta:
    """Return since when the order could be where it is."""
    moments = [at for at in (row.creation_date, row.authorized_date) if at is not None]
    return now - max(moments) if moments else GRACE


def _of_known(
    row: OrderRow, group: Group, known: KnownOrder, now: datetime, patience: timedelta
) -> Mismatch | None:
    if known.standing is Standing.PARKED:
        return _of_parked(row, group, known)
    if known.standing is Standing.WAITING:
        kind = _of_waiting(row, group, known)
    elif known.standing is Standing.VOID:
        return Mismatch.CANCELLED_HERE if group in _FULFILLED else None
    else:
        kind = _of_done(row, group, known, now)
    return kind or _stuck(row, group, known, now, patience)


_FULFILLED: Final = frozenset({Group.READY, Group.HANDLING, Group.INVOICED})


def _of_parked(row: OrderRow, group: Group, known: KnownOrder) -> Mismatch | None:
    """Judge what waits for a person: it need not where VTEX has come to an end."""
    if known.status == row.status:
        return None
    if group is Group.INVOICED:
        return Mismatch.INVOICED_OPEN
    if group is Group.CANCELLED:
        return Mismatch.CANCELLED_THERE
    return Mismatch.MOVED_ON if known.cause in _OURS else None


def _of_waiting(row: OrderRow, group: Group, known: KnownOrder) -> Mismatch | None:
    if known.status == row.status:
        return None
    if group is Group.INVOICED:
        return Mismatch.INVOICED_OPEN
    if group is Group.CANCELLED:
        return Mismatch.CANCELLED_THERE
    return Mismatch.READY_IDLE if group is Group.READY and known.waits_for_vtex else None


def _of_done(row: OrderRow, group: Group, known: KnownOrder, now: datetime) -> Mismatch | None:
    if group is Group.CANCELLED:
        has_erp = known.progress not in {Progress.SEEN, Progress.FETCHED}
        return Mismatch.CANCELLED_THERE if has_erp else None
    if group not in {Group.READY, Group.HANDLING}:
        return None
    if known.was_cancelled:
        return Mismatch.CANCELLED_HERE
    if _is_invoiced_here(row, known, now):
        return Mismatch.NOT_INVOICED
    if group is Group.READY:
        return Mismatch.NOT_HANDLING if known.progress in _WITH_ERP else Mismatch.READY_IDLE
    return Mismatch.CHANGED if _is_of_another_value(row, known) else None


def _is_of_another_value(row: OrderRow, known: KnownOrder) -> bool:
    """Compare the values, all that the list shows of a change; the index rounds its own."""
    if row.total_value is None or known.value_cents is None:
        return False
    return abs(row.total_value - known.value_cents) > 1


def _is_invoiced_here(row: OrderRow, known: KnownOrder, now: datetime) -> bool:
    """Check whether all was invoiced, some time ago, and the order was not read as invoiced."""
    if not known.invoices or not row.total_value or group_of(known.status) is Group.INVOICED:
        return False
    if (
        row.status in TRANSIENT
        or now - max(invoice.sent_at for invoice in known.invoices) < _SETTLING
    ):
        return False
    # The index rounds its sums.
    return sum(invoice.value_cents for invoice in known.invoices) >= row.total_value - 1


def _stuck(
    row: OrderRow, group: Group, known: KnownOrder, now: datetime, patience: timedelta
) -> Mismatch | None:
    """Suspect an order that shows a transient status; its document tells since when.

    An order that the ERP never got is not read while it is in handling: it is somebody else's.
    """
    is_foreign = group is Group.HANDLING and known.progress in {Progress.SEEN, Progress.FETCHED}
    if row.status not in TRANSIENT or is_foreign or known.status == row.status:
        return None
    return Mismatch.STUCK if _age(row, now) >= patience else None


def _unmoved_since(unmoved: Unmoved) -> datetime | None:
    """Return since when VTEX has not changed the order; None where that is no trouble."""
    try:
        if unmoved.status == _INVOICING and fulfilment(unmoved.document).remaining_cents > 0:
            # The rest of the invoices is to come.
            return None
        return last_change(unmoved.document)
    except Unreadable:
        return None
