"""What the sweep puts back: open work whose time has come, and whose message does not come."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from orders_sync.domain.rules import OPEN, Standing


def is_due(table: sa.Table, *, now: datetime, grace: timedelta) -> sa.ColumnElement[bool]:
    """Give the condition that a row of `orders` or `commands` is due.

    What waits has a message that comes at that time, and `grace` lets it arrive first. What is
    active had its message a lease ago.
    """
    return sa.and_(
        table.c.standing.in_(OPEN),
        table.c.due_at <= now,
        sa.or_(table.c.standing == Standing.ACTIVE, table.c.due_at <= now - grace),
    )
