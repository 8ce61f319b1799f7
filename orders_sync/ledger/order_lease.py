"""The lease of an order: how it is taken, written under, and given back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import Claim, Step
from orders_sync.errors import LeaseLost
from orders_sync.ledger.command_claims import CommandClaim
from orders_sync.ledger.tables import orders
from orders_sync.ledger.wakeups import lock_orders

Row = dict[str, Any]


def is_order(account: str, order_id: str) -> sa.ColumnElement[bool]:
    """Return the condition that a row is of this order."""
    return sa.and_(orders.c.account == account, orders.c.order_id == order_id)


def is_free(now: datetime) -> sa.ColumnElement[bool]:
    """Return the condition that no task has the order."""
    return sa.or_(orders.c.lease_until.is_(None), orders.c.lease_until <= now)


def taken(owner: str, until: datetime) -> Row:
    """Return what takes an order for a process."""
    return {"lease_owner": owner, "lease_until": until, "version": orders.c.version + 1}


def freed(now: datetime, **facts: Any) -> Row:
    """Return what frees an order; one that an event came for is read."""
    read = {
        "standing": Standing.ACTIVE,
        "next_step": Step.FETCH,
        "due_at": now,
        "attempts": 0,
        "failing_since": None,
        "cause": None,
        "reason": None,
        "hint": None,
    }
    no_lease = dict.fromkeys(("lease_owner", "lease_until", "write_until"))
    return no_lease | {name: _or_read(facts, name, value) for name, value in read.items()}


def _or_read(facts: Row, name: str, read: Any) -> sa.Case[Any]:
    column = orders.c[name]
    value = sa.literal(facts[name], column.type) if name in facts else column
    return sa.case((orders.c.news, sa.literal(read, column.type)), else_=value)


def write_order(
    connection: sa.Connection, claim: Claim | CommandClaim, version: int, changes: Row
) -> Any:
    """Write an order under the version that a claim of it, or of its command, was given.

    Raises:
        LeaseLost: another worker has taken the order over; nothing was written.
    """
    statement = (
        sa.update(orders)
        .where(is_order(claim.account, claim.order_id), orders.c.version == version)
        .values(changes)
        .returning(orders.c.standing, orders.c.next_step, orders.c.progress)
    )
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise LeaseLost(f"Order {claim.order_id} was taken over during {claim.step}.")
    return row


def is_leased(connection: sa.Connection, account: str, order_id: str, now: datetime) -> bool:
    """Lock an order, made known where it is not, and check whether a task has it."""
    lease = sa.select(orders.c.lease_until).where(is_order(account, order_id)).with_for_update()
    row = connection.execute(lease).one_or_none()
    if row is None:
        lock_orders(connection, account, [order_id], now=now)
        row = connection.execute(lease).one()
    return row.lease_until is not None and row.lease_until > now
