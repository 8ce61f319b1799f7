"""Rows that this version cannot read: each is parked by itself, and stops nobody."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from orders_sync.domain.announcements import Announcement, Told
from orders_sync.domain.rules import OPEN, Standing
from orders_sync.domain.steps import Step
from orders_sync.ledger.engine import Database
from orders_sync.ledger.lines import align_all
from orders_sync.ledger.order_lease import lock_orders
from orders_sync.ledger.outbox import of_command
from orders_sync.ledger.tables import commands, orders

CAUSE: Final = "row.unreadable"
HINT: Final = (
    "It was written by another version of orders-sync, or by hand. Run the version that wrote it, "
    "or correct the row, then retry it."
)

#: So many commands are parked in one transaction.
_LOT: Final = 500

#: What parks such a row.
UNREADABLE: Final[dict[str, Any]] = {
    "standing": Standing.PARKED,
    "due_at": None,
    "dispatched_until": None,
    "cause": CAUSE,
    "reason": "Its step or progress is none that this version knows.",
    "hint": HINT,
}


def park_unreadable(database: Database, account: str, step: str, *, now: datetime) -> int:
    """Park due rows of an account whose step this version does not know; return how many.

    Commands are parked `_LOT` at a time; those behind them in line may go.
    """
    if step in set(Step):
        return 0
    parked = {**UNREADABLE, "updated_at": now}
    with database.writing() as connection:
        statement = sa.update(orders).where(*_is_due(orders, account, step)).values(parked)
        lost = connection.execute(statement.returning(orders.c.order_id, orders.c.version)).all()
        database.outbox.write(
            connection,
            [unreadable_order(account, row.order_id, row.version, at=now) for row in lost],
        )
        number = len(lost)
        due = sa.select(commands.c.id, commands.c.order_id).where(*_is_due(commands, account, step))
        order_of = {row.id: row.order_id for row in connection.execute(due.limit(_LOT))}
        if order_of:
            lock_orders(connection, account, list(order_of.values()), now=now)
            chosen = sa.update(commands).where(
                commands.c.id.in_(order_of), *_is_due(commands, account, step)
            )
            rows = connection.execute(chosen.values(parked).returning(commands)).all()
            told = [told for row in rows for told in of_command(row, at=now)]
            database.outbox.write(connection, told)
            number += len(rows)
            align_all(connection, account, set(order_of.values()), now=now)
    return number


def unreadable_order(account: str, order_id: str, version: int, *, at: datetime) -> Announcement:
    """Return what is told of an order whose row cannot be read."""
    return Announcement(
        Told.ORDER_PARKED, at, account, mark=f"{version}", order_id=order_id, cause=CAUSE
    )


def _is_due(table: sa.Table, account: str, step: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        table.c.account == account,
        table.c.next_step == step,
        table.c.standing.in_(OPEN),
        table.c.due_at.is_not(None),
    )
