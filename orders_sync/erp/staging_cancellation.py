"""May an order be cancelled? The question and its answer, in the order's row of `erp_orders`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import select, update

from orders_sync.erp.base import Decision
from orders_sync.erp.staging_tables import ERP_ORDERS

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection

NEW: Final = "new"
CANCELLING: Final = "cancelling"

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
