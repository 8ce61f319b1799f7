"""News of orders: what makes an order known, and what makes it be read afresh."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from orders_sync.domain.rules import Progress, Standing
from orders_sync.domain.steps import Dispatch, Step
from orders_sync.ledger.tables import commands, orders

#: Why a command waits that found its order busy; it is brought back when the order is free.
IN_LINE = "order.busy"


def new_order(account: str, order_id: str, *, now: datetime, lease: timedelta) -> dict[str, object]:
    """Give the row of an order that was just heard of, its first read due."""
    return {
        "account": account,
        "order_id": order_id,
        "progress": Progress.SEEN,
        "standing": Standing.ACTIVE,
        "next_step": Step.FETCH,
        "news": True,
        "due_at": now + lease,
        "attempts": 0,
        "version": 0,
        "first_seen_at": now,
        "updated_at": now,
    }


def request_reads(
    connection: sa.Connection,
    account: str,
    order_ids: Sequence[str],
    *,
    now: datetime,
    lease: timedelta,
) -> list[Dispatch]:
    """Note news of orders, and find those whose read can be dispatched at once.

    A worker that has one of the orders sees the news when it releases it.
    """
    statement = (
        sa.update(orders)
        .where(orders.c.account == account, orders.c.order_id.in_(order_ids))
        .values(news=True)
    )
    connection.execute(statement)
    statement = (
        statement.where(sa.or_(orders.c.lease_until.is_(None), orders.c.lease_until <= now))
        .values(
            standing=Standing.ACTIVE,
            next_step=Step.FETCH,
            due_at=now + lease,
            attempts=0,
            failing_since=None,
            cause=None,
            reason=None,
            hint=None,
            updated_at=now,
        )
        .returning(orders.c.order_id)
    )
    return [
        Dispatch(account, order_id, Step.FETCH)
        for order_id in connection.execute(statement).scalars()
    ]


def next_in_line(
    connection: sa.Connection, account: str, order_id: str, *, now: datetime, lease: timedelta
) -> list[Dispatch]:
    """Bring back the oldest command that found its order busy, now that the order is free."""
    first = (
        sa.select(commands.c.id)
        .where(
            commands.c.account == account,
            commands.c.order_id == order_id,
            commands.c.standing == Standing.WAITING,
            commands.c.cause == IN_LINE,
        )
        .order_by(commands.c.created_at)
        .limit(1)
        .scalar_subquery()
    )
    statement = (
        sa.update(commands)
        .where(commands.c.id == first)
        .values(standing=Standing.ACTIVE, cause=None, reason=None, due_at=now + lease)
        .returning(commands.c.id, commands.c.next_step)
    )
    return [
        Dispatch(account, order_id, Step(row.next_step), row.id)
        for row in connection.execute(statement)
    ]


def wake_commands(
    connection: sa.Connection, account: str, order_id: str, *, now: datetime, lease: timedelta
) -> list[Dispatch]:
    """Bring back at once the commands that wait for their order to get on."""
    statement = (
        sa.update(commands)
        .where(
            commands.c.account == account,
            commands.c.order_id == order_id,
            commands.c.standing == Standing.WAITING,
            commands.c.attempts == 0,
            commands.c.cause.is_distinct_from(IN_LINE),
        )
        .values(standing=Standing.ACTIVE, due_at=now + lease)
        .returning(commands.c.id, commands.c.next_step)
    )
    return [
        Dispatch(account, order_id, Step(row.next_step), row.id)
        for row in connection.execute(statement)
    ]
