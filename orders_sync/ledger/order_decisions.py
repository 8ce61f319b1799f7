"""What people decide about orders, each with its line in the operator's log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from orders_sync.domain.announcements import Announcement, Told
from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import Dispatch, Step
from orders_sync.ledger.acts import Act, keep_act
from orders_sync.ledger.decisions import DecisionRefused
from orders_sync.ledger.documents import forget_given
from orders_sync.ledger.engine import Database
from orders_sync.ledger.journal import Entry, write_entries
from orders_sync.ledger.tables import orders
from orders_sync.ledger.wakeups import next_of, request_reads, settle
from orders_sync.ledger.windows import Windows
from orders_sync.terminal import order_command

Row = dict[str, Any]

_STATE = sa.select(
    orders.c.standing,
    orders.c.next_step,
    orders.c.revision,
    orders.c.version,
    orders.c.lease_until,
)


def retry_order(
    database: Database, windows: Windows, account: str, order_id: str, act: Act
) -> Sequence[Dispatch]:
    """Go on with a parked order from what a fresh read says; gives what to dispatch at once.

    Raises:
        DecisionRefused: it is not parked; the message says what can be done.
    """
    with database.writing() as connection:
        _parked(connection, account, order_id, _STATE.with_for_update())
        return _read(connection, windows, account, order_id, act, "parked retry")


def read_order(
    database: Database, windows: Windows, account: str, order_id: str, act: Act
) -> Sequence[Dispatch]:
    """Have any order read afresh, one that is not known too; gives what to dispatch at once."""
    with database.writing() as connection:
        return _read(connection, windows, account, order_id, act, "orders sync")


def _read(
    connection: sa.Connection, windows: Windows, account: str, order_id: str, act: Act, did: str
) -> Sequence[Dispatch]:
    keep_act(connection, act, did, account=account, order_id=order_id)
    return request_reads(connection, account, [order_id], windows=windows, now=act.at)


def discard_order(database: Database, account: str, order_id: str, act: Act) -> Sequence[Dispatch]:
    """Give a parked order up: it is void, and its events may be acknowledged.

    One that is parked because its ERP did not take a change is not given up, but that change is:
    the ERP goes on with the order as it is, and is asked about it no more.

    Gives the commands that waited for it, to dispatch. A new event of the order takes it up again.

    Raises:
        DecisionRefused: it is not parked, or a command is being sent for it.
    """
    with database.writing() as connection:
        row = _parked(connection, account, order_id, _STATE.with_for_update())
        if row.lease_until is not None and row.lease_until > act.at:
            raise DecisionRefused(
                f"A command is being sent for order {order_id} of {account}. Try again in a minute."
            )
        is_change = row.next_step == Step.TELL_CHANGE
        statement = (
            sa.update(orders)
            .where(orders.c.account == account, orders.c.order_id == order_id)
            .values(
                next_step=None,
                news=False,
                due_at=None,
                dispatched_until=None,
                hint=None,
                version=row.version + 1,
                updated_at=act.at,
                **(_change_settled(row, act) if is_change else _given_up(act)),
            )
        )
        connection.execute(statement)
        what = "change.discarded" if is_change else "order.discarded"
        write_entries(connection, [Entry(act.at, account, order_id, what, note="by a person")])
        keep_act(connection, act, "parked discard", account=account, order_id=order_id)
        if is_change:
            forget_given(connection, account, order_id)
            settle(connection, account, order_id, now=act.at)
            return next_of(connection, account, order_id, now=act.at)
        discarded = Announcement(
            Told.ORDER_DISCARDED,
            act.at,
            account,
            mark=f"{row.version + 1}",
            order_id=order_id,
            cause="order.discarded",
        )
        database.outbox.write(connection, [discarded])
        settle(connection, account, order_id, now=act.at)
        return next_of(connection, account, order_id, now=act.at)


def _given_up(act: Act) -> Row:
    return {
        "standing": Standing.VOID,
        "cause": "order.discarded",
        "reason": f"Discarded: {act.why}",
    }


def _change_settled(row: sa.Row[Any], act: Act) -> Row:
    """Return what has an order go on whose ERP is told no more of a change.

    What changed while it was parked is looked for soon.
    """
    return {
        "standing": Standing.DONE,
        "erp_revision": row.revision,
        "compare_at": act.at,
        "cause": None,
        "reason": None,
    }


def _parked(
    connection: sa.Connection, account: str, order_id: str, state: sa.Select[Any]
) -> sa.Row[Any]:
    found = state.where(orders.c.account == account, orders.c.order_id == order_id)
    row = connection.execute(found).one_or_none()
    if row is None:
        raise DecisionRefused(
            f"{order_id} is neither a command nor an order of {account} in the ledger. "
            "See what is parked: orders-sync parked list"
        )
    if row.standing != Standing.PARKED:
        raise DecisionRefused(
            f"Order {order_id} of {account} is not parked: it is {row.standing}. Read it afresh: "
            f"{order_command('orders sync', order_id, account)}"
        )
    return row
