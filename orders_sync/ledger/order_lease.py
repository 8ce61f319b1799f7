"""The lease of an order, taken for a command: one task at a time works on an order."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import Dispatch, Step
from orders_sync.errors import LeaseLost, WaitError
from orders_sync.ledger.insert import insert_into
from orders_sync.ledger.news import new_order
from orders_sync.ledger.tables import orders

_BUSY_SECONDS = 1.0

#: Marks a lease that a command holds.
_LENT = "command/"


def take_order(
    connection: sa.Connection,
    account: str,
    order_id: str,
    *,
    owner: str,
    now: datetime,
    until: datetime,
) -> int | None:
    """Take an order's lease and give its version, or None where another worker has it.

    An order never heard of is made known. The row is locked first, so that whoever frees the
    order meanwhile sees what the caller writes when it comes too late.
    """
    of_order = sa.and_(orders.c.account == account, orders.c.order_id == order_id)
    unread = {
        **new_order(account, order_id, now=now, lease=timedelta(0)),
        "standing": Standing.DONE,
        "next_step": None,
        "news": False,
        "due_at": None,
    }
    connection.execute(insert_into(orders, connection).on_conflict_do_nothing(), unread)
    connection.execute(sa.select(orders.c.version).where(of_order).with_for_update())
    statement = (
        sa.update(orders)
        .where(of_order, sa.or_(orders.c.lease_until.is_(None), orders.c.lease_until <= now))
        .values(lease_owner=f"{_LENT}{owner}", lease_until=until, version=orders.c.version + 1)
        .returning(orders.c.version)
    )
    version: int | None = connection.execute(statement).scalar_one_or_none()
    return version


def free_order(
    connection: sa.Connection,
    account: str,
    order_id: str,
    *,
    version: int,
    now: datetime,
    lease: timedelta,
) -> Dispatch | None:
    """Give the lease back; gives a read to dispatch where an event came meanwhile.

    Raises:
        LeaseLost: another worker has taken the order over.
    """
    statement = (
        sa.update(orders)
        .where(
            orders.c.account == account,
            orders.c.order_id == order_id,
            orders.c.version == version,
        )
        .values(
            lease_owner=None,
            lease_until=None,
            standing=sa.case((orders.c.news, Standing.ACTIVE), else_=orders.c.standing),
            next_step=sa.case((orders.c.news, Step.FETCH), else_=orders.c.next_step),
            due_at=sa.case(
                (orders.c.news, sa.literal(now + lease, orders.c.due_at.type)),
                else_=orders.c.due_at,
            ),
        )
        .returning(orders.c.news)
    )
    has_news = connection.execute(statement).scalar_one_or_none()
    if has_news is None:
        raise LeaseLost(f"Order {order_id} was taken over.")
    return Dispatch(account, order_id, Step.FETCH) if has_news else None


def refuse_if_lent(
    connection: sa.Connection, account: str, order_id: str, step: Step, *, now: datetime
) -> None:
    """Have a step wait where a command holds its order: no other message would bring it back.

    Raises:
        WaitError: the order is lent to a command.
    """
    lent = sa.select(orders.c.version).where(
        orders.c.account == account,
        orders.c.order_id == order_id,
        orders.c.next_step == step,
        orders.c.lease_until > now,
        orders.c.lease_owner.startswith(_LENT),
    )
    if connection.execute(lent).one_or_none() is not None:
        raise WaitError(f"A command is being sent for order {order_id}.", _BUSY_SECONDS)
