"""An order in the staging tables after it was written: its changes and its cancellation.

Question, answer and cancellation are in the row of `erp_orders`. Of an order that changed, all rows
are those of the new revision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Table, and_, delete, func, insert, or_, select, update
from sqlalchemy.exc import DBAPIError

from orders_sync.erp.base import CancelAnswer, ChangeAnswer, Decision
from orders_sync.erp.staging_rows import (
    change_rows,
    component_rows,
    line_rows,
    order_row,
    service_rows,
)
from orders_sync.erp.staging_schema import lacks_right
from orders_sync.erp.staging_tables import (
    ERP_ORDER_CHANGES,
    ERP_ORDER_COMPONENTS,
    ERP_ORDER_LINES,
    ERP_ORDER_SERVICES,
    ERP_ORDERS,
)
from orders_sync.errors import ErpRefused

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection

    from orders_sync.domain.differences import Changes
    from orders_sync.domain.order import Order

NEW: Final = "new"
CANCELLING: Final = "cancelling"
CANCELLED: Final = "cancelled"

#: The revision of the hand-over.
FIRST: Final = 1

_AGREE: Final = "agree"
_DENY: Final = "deny"
_NO_REASON: Final = "The store cannot cancel this order any more."

#: What is written of an order beside its own row.
_PARTS: Final = (
    (ERP_ORDER_LINES, line_rows),
    (ERP_ORDER_COMPONENTS, component_rows),
    (ERP_ORDER_SERVICES, service_rows),
)


def write_parts(connection: Connection, account: str, order: Order) -> None:
    """Write an order's lines, components and services."""
    for table, rows_of in _PARTS:
        _insert(connection, table, account, rows_of(order))


def take_change(
    connection: Connection, account: str, order: Order, changes: Changes, *, now: datetime
) -> ChangeAnswer:
    """Bring an order's rows to a new revision, unless the ERP's row says that it is too late.

    The ERP says so by `takes_changes`, or where that is null, by having taken the order. The row is
    locked first, and its state is asked for once more with the change, since SQLite locks none.

    Raises:
        ErpRefused: there is no such order, or this user may not replace its lines.
    """
    columns = ERP_ORDERS.c
    is_order = and_(columns.account == account, columns.order_id == order.order_id)
    earlier = func.coalesce(columns.revision, FIRST)
    look = select(columns.state, earlier.label("revision")).where(is_order).with_for_update()
    row = connection.execute(look).one_or_none()
    if row is None:
        raise ErpRefused(
            f"The staging tables do not have order {order.order_id}, which was written there.",
            hint="Find out who deleted its row: no order may be deleted while VTEX can change it.",
        )
    if row.state == CANCELLED:
        return ChangeAnswer.IGNORED
    if row.revision >= changes.revision:
        return ChangeAnswer.TAKEN
    is_untaken = and_(columns.takes_changes.is_(None), columns.taken_at.is_(None))
    change = (
        update(ERP_ORDERS)
        .where(
            is_order,
            columns.state.in_((NEW, CANCELLING)),
            earlier < changes.revision,
            or_(columns.takes_changes.is_(True), is_untaken),
        )
        .values({**order_row(order), "revision": changes.revision, "changed_at": now})
    )
    if not connection.execute(change).rowcount:
        return ChangeAnswer.TOO_LATE
    try:
        _replace_parts(connection, account, order)
    except DBAPIError as error:
        if not lacks_right(error):
            raise
        raise ErpRefused(
            "The user of the staging database may not delete lines, so that none can be replaced.",
            hint="Let the tables' owner grant DELETE on erp_order_lines, erp_order_components and "
            "erp_order_services, then retry the order.",
        ) from None
    _insert(connection, ERP_ORDER_CHANGES, account, change_rows(order.order_id, changes))
    return ChangeAnswer.TAKEN


def consider(
    connection: Connection,
    is_order: ColumnElement[bool],
    *,
    agrees_until_taken: bool,
    now: datetime,
) -> Decision:
    """Write the question, and read the decision; an order that the ERP has not is undecided.

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
            pending.where(*free).values(state=CANCELLING, cancellation_decision=_AGREE)
        )
    look = select(columns.state, columns.cancellation_decision, columns.cancellation_reason)
    row = connection.execute(look.where(is_order)).one_or_none()
    if row is None:
        return Decision.undecided()
    if row.state != NEW:
        return Decision.agree()
    if row.cancellation_decision == _DENY:
        return Decision.deny(row.cancellation_reason or _NO_REASON)
    agreed = pending.where(columns.cancellation_decision == _AGREE).values(state=CANCELLING)
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
    is_free = or_(columns.taken_at.is_(None), columns.cancellation_decision == _AGREE)
    mark = (
        update(ERP_ORDERS)
        .where(is_order, columns.state.in_((NEW, CANCELLING)), is_free)
        .values(state=CANCELLED, cancelled_at=now, cancel_reason=reason)
    )
    is_marked = connection.execute(mark).rowcount > 0
    return CancelAnswer.CANCELLED if is_marked else CancelAnswer.TOO_LATE


def _replace_parts(connection: Connection, account: str, order: Order) -> None:
    for table, _ in reversed(_PARTS):
        is_of_order = (table.c.account == account, table.c.order_id == order.order_id)
        connection.execute(delete(table).where(*is_of_order))
    write_parts(connection, account, order)


def _insert(connection: Connection, table: Table, account: str, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(insert(table), [{**row, "account": account} for row in rows])
