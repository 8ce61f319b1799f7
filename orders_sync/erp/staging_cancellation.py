"""May an order be cancelled? Question, answer and cancellation, in the row of `erp_orders`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import or_, select, update

from orders_sync.erp.base import CancelAnswer, Decision
from orders_sync.erp.staging_tables import ERP_ORDERS

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection

NEW: Final = "new"
CANCELLING: Final = "cancelling"
CANCELLED: Final = "cancelled"

AGREE: Final = "agree"
DENY: Final = "deny"

_NO_REASON: Final = "The store cannot cancel this order any more."


def consider(
    connection: Connection,
    is_order: ColumnElement[bool],
    *,
    agrees_until_taken: bool,
    now: datetime,
) -> Decision:
    """Put the question, and read the decision; an order that the ERP has not is undecided.

    Where the answer is to agree, the order is `cancelling` from the same statement on, so that
    nobody takes it any more.
    """
    columns = ERP_ORDERS.c
    pending = update(ERP_ORDERS).where(is_order, columns.state == NEW)
    connection.execute(
        pending.where(columns.cancellation_requested_at.is_(None)).values(
            cancellation_requested_at=now
        )
    )
    if agrees_until_taken:
        free = (columns.taken_at.is_(None), columns.cancellation_decision.is_(None))
        connection.execute(
            pending.where(*free).values(state=CANCELLING, cancellation_decision=AGREE)
        )
    look = select(columns.state, columns.cancellation_decision, columns.cancellation_reason)
    row = connection.execute(look.where(is_order)).one_or_none()
    if row is None:
        return Decision.undecided()
    if row.state != NEW:
        return Decision.agree()
    if row.cancellation_decision == DENY:
        return Decision.deny(row.cancellation_reason or _NO_REASON)
    agreed = pending.where(columns.cancellation_decision == AGREE).values(state=CANCELLING)
    return Decision.agree() if connection.execute(agreed).rowcount else Decision.undecided()


def cancel(
    connection: Connection, is_order: ColumnElement[bool], *, reason: str, now: datetime
) -> CancelAnswer:
    """Mark an order as cancelled, unless the ERP took it and has not agreed to it.

    The row is locked first, so that its state is that at the time of the mark.
    """
    columns = ERP_ORDERS.c
    look = select(columns.state).where(is_order).with_for_update()
    state = connection.execute(look).scalar_one_or_none()
    if state is None:
        return CancelAnswer.UNKNOWN
    if state == CANCELLED:
        return CancelAnswer.CANCELLED
    is_free = or_(columns.taken_at.is_(None), columns.cancellation_decision == AGREE)
    mark = (
        update(ERP_ORDERS)
        .where(is_order, columns.state.in_((NEW, CANCELLING)), is_free)
        .values(state=CANCELLED, cancelled_at=now, cancel_reason=reason)
    )
    is_marked = connection.execute(mark).rowcount > 0
    return CancelAnswer.CANCELLED if is_marked else CancelAnswer.TOO_LATE
