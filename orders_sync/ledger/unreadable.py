"""Rows that this version cannot read: each is parked by itself, and stops nobody."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from orders_sync.domain.rules import OPEN, Standing
from orders_sync.domain.steps import Step
from orders_sync.ledger.engine import Database
from orders_sync.ledger.tables import commands, orders

CAUSE: Final = "row.unreadable"
HINT: Final = (
    "It was written by another version of orders-sync, or by hand. Run the version that wrote it, "
    "or correct the row, then retry it."
)

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
    """Park the open rows of an account whose step this version does not know; return how many."""
    if step in set(Step):
        return 0
    number = 0
    with database.writing() as connection:
        for table in (orders, commands):
            statement = (
                sa.update(table)
                .where(
                    table.c.account == account,
                    table.c.next_step == step,
                    table.c.standing.in_(OPEN),
                    table.c.due_at.is_not(None),
                )
                .values(**UNREADABLE, updated_at=now)
            )
            number += connection.execute(statement).rowcount
    return number
