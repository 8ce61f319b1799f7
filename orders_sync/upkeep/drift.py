"""How an order in VTEX and in the ledger can disagree, judged from a row of VTEX's list. Pure.

The list is minutes behind and may be wrong for good, so a finding is a suspicion: it has the
order itself read, which decides. What a read did not mend is found again, and a person is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from orders_sync.domain.rules import Group, Progress, Standing, group_of
from orders_sync.domain.steps import Step
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


class Kind(StrEnum):
    """What disagrees."""

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
    Kind.NOT_HANDLING: "vtex.not_handling",
    Kind.NOT_INVOICED: "vtex.not_invoiced",
    Kind.CANCELLED_HERE: "vtex.not_cancelled",
    Kind.READY_IDLE: "vtex.disagrees",
}

#: The causes of orders that reconciling parked: once VTEX shows another status, they are read.
_OURS: Final = frozenset({STUCK_CAUSE, *UNMENDED_CAUSES.values()})


@dataclass(frozen=True, slots=True)
class SentInvoice:
    """An invoice of a sale that VTEX took; `value_cents` is 0 where it was there before."""

    command_id: str
    value_cents: int
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger knows of an order; `found` is when each kind was found last.

    `value_cents` is its value in the document that was read last, where that is compared.
    """

    progress: Progress
    standing: Standing
    next_step: str | None
    status: str | None
    cause: str | None
    updated_at: datetime
    lease_until: datetime | None
    invoices: tuple[SentInvoice, ...] = ()
    was_cancelled: bool = False
    value_cents: int | None = None
    found: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def waits_for_vtex(self) -> bool:
        """Whether it was read, and VTEX has to get on with it."""
        is_read = self.next_step == Step.FETCH and self.progress is not Progress.SEEN
        return self.standing is Standing.WAITING and is_read


@dataclass(frozen=True, slots=True)
class Finding:
    """A disagreement; `is_unmended` where a read since the last time changed nothing."""

    kind: Kind
    order_id: str
    note: str
    is_unmended: bool = False
    invoices: tuple[str, ...] = ()


def judge(
    row: OrderRow,
    known: Known | None,
    *,
    now: datetime,
    patience: timedelta,
    heard_since: datetime | None = None,
) -> Finding | None:
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
    here = "unknown here" if known is None else f"{known.progress} and {known.standing} here"
    return Finding(
        kind,
        row.order_id,
        f"{row.status or 'no status'} in VTEX's list, {here}",
        is_unmended=known is not None
        and kind in UNMENDED_CAUSES
        and found_at is not None
        and now - found_at < _MEMORY
        and known.status == row.status,
        invoices=_invoices(known) if kind is Kind.NOT_INVOICED else (),
    )


def _invoices(known: Known | None) -> tuple[str, ...]:
    return tuple(each.command_id for each in known.invoices) if known else ()


def _is_left_alone(known: Known, now: datetime) -> bool:
    is_leased = known.lease_until is not None and known.lease_until > now
    return (
        is_leased
        or known.standing is Standing.ACTIVE
        or known.cause in _GIVEN_UP
        or now - known.updated_at < GRACE
    )


def _of_unknown(
    row: OrderRow, group: Group, now: datetime, patience: timedelta, heard_since: datetime | None
) -> Kind | None:
    """Judge an order that was never heard of.

    One in handling was somebody else's if it is older than what we heard of. Since then the feed
    would have told of it before anybody took it over.
    """
    if group is Group.READY:
        return Kind.READY_UNKNOWN if _age(row, now) >= GRACE else None
    if group is Group.HANDLING:
        is_ours = _is_since(heard_since, row) and _age(row, now) >= GRACE
        return Kind.HANDLING_UNKNOWN if is_ours else None
    is_stuck = group is Group.BEFORE and row.status in TRANSIENT and _age(row, now) >= patience
    return Kind.STUCK if is_stuck else None


def _is_since(moment: datetime | None, row: OrderRow) -> bool:
    created = row.creation_date
    return moment is not None and created is not None and created >= moment


def _age(row: OrderRow, now: datetime) -> timedelta:
    """Tell since when the order could be where it is."""
    moments = [at for at in (row.creation_date, row.authorized_date) if at is not None]
    return now - max(moments) if moments else GRACE


def _of_known(
    row: OrderRow, group: Group, known: Known, now: datetime, patience: timedelta
) -> Kind | None:
    if known.standing is Standing.PARKED:
        return _of_parked(row, group, known)
    if known.standing is Standing.WAITING:
        kind = _of_waiting(row, group, known)
    elif known.standing is Standing.VOID:
        return Kind.CANCELLED_HERE if group in _FULFILLED else None
    else:
        kind = _of_done(row, group, known, now)
    return kind or _stuck(row, group, known, now, patience)


_FULFILLED: Final = frozenset({Group.READY, Group.HANDLING, Group.INVOICED})


def _of_parked(row: OrderRow, group: Group, known: Known) -> Kind | None:
    """Judge what waits for a person: it need not where VTEX has come to an end."""
    if known.status == row.status:
        return None
    if group is Group.INVOICED:
        return Kind.INVOICED_OPEN
    if group is Group.CANCELLED:
        return Kind.CANCELLED_THERE
    return Kind.MOVED_ON if known.cause in _OURS else None


def _of_waiting(row: OrderRow, group: Group, known: Known) -> Kind | None:
    if known.status == row.status:
        return None
    if group is Group.INVOICED:
        return Kind.INVOICED_OPEN
    if group is Group.CANCELLED:
        return Kind.CANCELLED_THERE
    return Kind.READY_IDLE if group is Group.READY and known.waits_for_vtex else None


def _of_done(row: OrderRow, group: Group, known: Known, now: datetime) -> Kind | None:
    if group is Group.CANCELLED:
        has_erp = known.progress not in {Progress.SEEN, Progress.FETCHED}
        return Kind.CANCELLED_THERE if has_erp else None
    if group not in {Group.READY, Group.HANDLING}:
        return None
    if known.was_cancelled:
        return Kind.CANCELLED_HERE
    if _is_invoiced_here(row, known, now):
        return Kind.NOT_INVOICED
    if group is Group.READY:
        return Kind.NOT_HANDLING if known.progress in _WITH_ERP else Kind.READY_IDLE
    return Kind.CHANGED if _is_of_another_value(row, known) else None


def _is_of_another_value(row: OrderRow, known: Known) -> bool:
    """Compare the value, which is all that the list shows of a change; the index rounds it."""
    if row.total_value is None or known.value_cents is None:
        return False
    return abs(row.total_value - known.value_cents) > 1


def _is_invoiced_here(row: OrderRow, known: Known, now: datetime) -> bool:
    """Tell whether all was invoiced, some time ago; the order itself was not read as invoiced."""
    if not known.invoices or not row.total_value or group_of(known.status) is Group.INVOICED:
        return False
    if row.status in TRANSIENT or now - max(it.sent_at for it in known.invoices) < _SETTLING:
        return False
    # The index rounds its sums.
    return sum(it.value_cents for it in known.invoices) >= row.total_value - 1


def _stuck(
    row: OrderRow, group: Group, known: Known, now: datetime, patience: timedelta
) -> Kind | None:
    """Suspect an order that shows a transient status; its document tells since when.

    An order that the ERP never got is not read while it is in handling: it is somebody else's.
    """
    is_foreign = group is Group.HANDLING and known.progress in {Progress.SEEN, Progress.FETCHED}
    if row.status not in TRANSIENT or is_foreign or known.status == row.status:
        return None
    return Kind.STUCK if _age(row, now) >= patience else None
