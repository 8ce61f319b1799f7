"""News of orders: what makes an order known, and what makes it be read afresh."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from orders_sync.domain.rules import Progress, Standing
from orders_sync.domain.steps import Dispatch, Step
from orders_sync.ledger.locks import lock
from orders_sync.ledger.prepared import Prepared
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
) -> set[str]:
    """Note news of orders, and find those whose read can be dispatched at once.

    A worker that has one of the orders sees the news when it releases it.
    """
    heard_of = (orders.c.account == account, orders.c.order_id.in_(order_ids))
    locked = sa.select(orders.c.order_id).where(*heard_of).order_by(orders.c.order_id)
    lock(connection, locked.with_for_update())
    statement = sa.update(orders).where(*heard_of).values(news=True)
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
    return set(connection.execute(statement).scalars())


def commands_set_free(
    connection: sa.Connection,
    account: str,
    order_id: str,
    *,
    is_settled: bool,
    now: datetime,
    lease: timedelta,
) -> list[Dispatch]:
    """Bring back commands now that their order is free; give what to dispatch.

    The oldest that found the order busy goes on. Where the order `is_settled`, so do all that
    wait for it to get on.
    """
    of_order = {"of_account": account, "of_order": order_id}
    waiting = _WAITING.run(connection, of_order)
    in_line = [row for row in waiting if row.cause == IN_LINE][:1]
    others = [row for row in waiting if row.cause != IN_LINE and row.attempts == 0]
    freed = in_line + (others if is_settled else [])
    if not freed:
        return []
    statement = (
        sa.update(commands)
        .where(commands.c.id.in_([row.id for row in freed]))
        .where(commands.c.standing == Standing.WAITING)
        .values(
            standing=Standing.ACTIVE,
            due_at=now + lease,
            cause=sa.case((commands.c.cause == IN_LINE, None), else_=commands.c.cause),
            reason=sa.case((commands.c.cause == IN_LINE, None), else_=commands.c.reason),
        )
        .returning(commands.c.id, commands.c.next_step)
    )
    return [
        Dispatch(account, order_id, Step(row.next_step), row.id)
        for row in connection.execute(statement)
    ]


_WAITING = Prepared(
    sa.select(commands.c.id, commands.c.cause, commands.c.attempts)
    .where(
        commands.c.account == sa.bindparam("of_account"),
        commands.c.order_id == sa.bindparam("of_order"),
        commands.c.standing == Standing.WAITING,
    )
    .order_by(commands.c.created_at)
)
