"""What makes work due, and what is dispatched at once for it, inside somebody's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Final

import sqlalchemy as sa

from orders_sync.commands.lines import DECIDING
from orders_sync.domain.rules import OPEN, Standing
from orders_sync.domain.steps import Dispatch, Step
from orders_sync.ledger.locks import lock
from orders_sync.ledger.order_lease import (
    ARE_ORDERS,
    IS_FREE,
    IS_OF_ORDER,
    IS_ORDER,
    LOCKED,
    NOW,
    READ_NOW,
    UNTIL,
    is_among,
    make_known,
    new_order,
    of_order,
    of_orders,
)
from orders_sync.ledger.tables import commands, orders
from orders_sync.ledger.windows import DISPATCHED_FOR, Windows

#: How far apart two processes may take the ledger's clock to be.
CLOCKS_DIFFER: Final = timedelta(seconds=2)


def request_reads(
    connection: sa.Connection,
    account: str,
    order_ids: Sequence[str],
    *,
    windows: Windows,
    now: datetime,
) -> list[Dispatch]:
    """Have orders read, and return the reads to dispatch at once; the others are due.

    A worker that has one of the orders sees the news when it frees it.
    """
    if not order_ids:
        return []
    room = windows.room(connection, account, now)
    ready = _take_up(connection, account, sorted(set(order_ids)), now)
    at_once = ready[:room]
    if at_once:
        terms = of_orders(account, at_once) | {"until": now + DISPATCHED_FOR}
        connection.execute(_DISPATCH, terms)
    return [Dispatch(account, order_id, Step.FETCH) for order_id in at_once]


def _take_up(
    connection: sa.Connection, account: str, order_ids: Sequence[str], now: datetime
) -> list[str]:
    """Make orders known, or note their news; return those that are free, in their order."""
    rows = [new_order(account, order_id, now=now) for order_id in order_ids]
    added = set(connection.execute(_add(connection.dialect.name), rows).scalars())
    known = [order_id for order_id in order_ids if order_id not in added]
    if known:
        terms = of_orders(account, known) | {"now": now}
        lock(connection, LOCKED, terms)
        connection.execute(_NEWS, terms)
        added |= set(connection.execute(_READ_KNOWN, terms).scalars())
    return sorted(added)


@cache
def _add(dialect: str) -> sa.Executable:
    return make_known(dialect).returning(orders.c.order_id)


_DISPATCH: Final = sa.update(orders).where(ARE_ORDERS).values(dispatched_until=UNTIL)
_NEWS: Final = sa.update(orders).where(ARE_ORDERS).values(news=True)
_READ_KNOWN: Final = (
    sa.update(orders)
    .where(ARE_ORDERS, IS_FREE)
    .values({**READ_NOW, "news": True})
    .returning(orders.c.order_id)
)


def read_later(connection: sa.Connection, account: str, order_id: str, *, at: datetime) -> None:
    """Have an order at rest read at a time, if its ERP is told of changes."""
    connection.execute(_READ_LATER, of_order(account, order_id) | {"at": at})


_READ_LATER: Final = (
    sa.update(orders)
    .where(IS_ORDER, orders.c.standing == Standing.DONE, orders.c.revision.is_not(None))
    .values(
        standing=Standing.WAITING,
        next_step=Step.FETCH,
        due_at=sa.bindparam("at", type_=orders.c.due_at.type),
        cause="vtex.changing",
        reason="VTEX made a change, and shows it in a while",
    )
)


def _is_due(table: sa.Table) -> sa.ColumnElement[bool]:
    """Return the condition that work may be dispatched; a step that is unknown here may not.

    A command that was due when it was accepted is: that may be later than `now`, which was read
    before this transaction got its turn.
    """
    is_due = table.c.due_at <= NOW
    if table is commands:
        is_due = sa.or_(is_due, commands.c.due_at == commands.c.created_at)
    return sa.and_(
        is_among(table.c.standing, OPEN),
        is_among(table.c.next_step, Step),
        is_due,
        sa.or_(table.c.dispatched_until.is_(None), table.c.dispatched_until <= NOW),
    )


_SETTLE: Final = (
    sa.update(commands)
    .where(
        IS_OF_ORDER,
        commands.c.standing == Standing.WAITING,
        commands.c.attempts == 0,
        commands.c.due_at > NOW,
    )
    .values(due_at=NOW)
)

_NEXT_ORDER: Final = (
    sa.update(orders)
    .where(IS_ORDER, _is_due(orders), IS_FREE)
    .values(dispatched_until=UNTIL)
    .returning(orders.c.next_step)
)

_ORDER_IS_FREE: Final = ~sa.exists().where(
    orders.c.account == commands.c.account,
    orders.c.order_id == commands.c.order_id,
    orders.c.lease_until > NOW,
)
_IS_DECIDING: Final = is_among(commands.c.kind, sorted(DECIDING))
_OLDEST: Final = (
    sa.select(commands.c.id)
    .where(IS_OF_ORDER, _is_due(commands), _ORDER_IS_FREE)
    .order_by(sa.case((_IS_DECIDING, 0), else_=1), commands.c.position)
    .limit(1)
)
_NEXT_COMMAND: Final = (
    sa.update(commands)
    .where(commands.c.id == _OLDEST.scalar_subquery())
    .values(dispatched_until=UNTIL)
    .returning(commands.c.id, commands.c.next_step)
)


def settle(connection: sa.Connection, account: str, order_id: str, *, now: datetime) -> None:
    """Have commands try now that wait, without a failure, for their order to get on."""
    connection.execute(_SETTLE, of_order(account, order_id) | {"now": now})


def next_of(
    connection: sa.Connection, account: str, order_id: str, *, now: datetime, read: bool = True
) -> list[Dispatch]:
    """Return what goes on with an order that is free: its own step, else its oldest due command.

    `read=False` looks at its commands only, and returns nothing while a task has the order.
    """
    terms = of_order(account, order_id) | {"now": now, "until": now + DISPATCHED_FOR}
    if read:
        step = connection.execute(_NEXT_ORDER, terms).scalar_one_or_none()
        if step is not None:
            return [Dispatch(account, order_id, Step(step))]
    row = connection.execute(_NEXT_COMMAND, terms).one_or_none()
    return [] if row is None else [Dispatch(account, order_id, Step(row.next_step), row.id)]
