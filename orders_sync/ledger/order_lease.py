"""The lease of an order, taken for a command: one task at a time works on an order."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import Dispatch, Step
from orders_sync.errors import LeaseLost, WaitError
from orders_sync.ledger.insert import insert_into
from orders_sync.ledger.locks import lock
from orders_sync.ledger.news import new_order
from orders_sync.ledger.tables import commands, orders

_BUSY_SECONDS = 1.0

#: Marks a lease that a command holds.
_LENT = "command/"


_IS_ORDER = sa.and_(
    orders.c.account == sa.bindparam("of_account"), orders.c.order_id == sa.bindparam("of_order")
)
_NOW = sa.bindparam("now", type_=orders.c.lease_until.type)

_TAKE = (
    sa.update(orders)
    .where(_IS_ORDER, sa.or_(orders.c.lease_until.is_(None), orders.c.lease_until <= _NOW))
    .values(
        lease_owner=sa.bindparam("owner"),
        lease_until=sa.bindparam("until", type_=orders.c.lease_until.type),
        version=orders.c.version + 1,
    )
    .returning(orders.c.version)
)

_FREE = (
    sa.update(orders)
    .where(_IS_ORDER, orders.c.version == sa.bindparam("of_version"))
    .values(
        lease_owner=None,
        lease_until=None,
        standing=sa.case((orders.c.news, Standing.ACTIVE), else_=orders.c.standing),
        next_step=sa.case((orders.c.news, Step.FETCH), else_=orders.c.next_step),
        due_at=sa.case(
            (orders.c.news, sa.bindparam("read_at", type_=orders.c.due_at.type)),
            else_=orders.c.due_at,
        ),
    )
    .returning(orders.c.news)
)


def lock_order_of(connection: sa.Connection, command_id: str) -> None:
    """Lock the order of a command, where it is known, before the command itself.

    Whoever frees an order goes on to its commands, so the other way round two would wait for each
    other.
    """
    of_command = sa.and_(
        commands.c.account == orders.c.account, commands.c.order_id == orders.c.order_id
    )
    statement = sa.select(orders.c.version).join(commands, of_command)
    lock(connection, statement.where(commands.c.id == command_id).with_for_update(of=orders))


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

    An order never heard of is made known. The row is locked before it is given up, so that
    whoever frees the order meanwhile sees what the caller writes when it comes too late.
    """
    wanted = {
        "of_account": account,
        "of_order": order_id,
        "now": now,
        "owner": f"{_LENT}{owner}",
        "until": until,
    }
    version = _take(connection, wanted)
    if version is not None:
        return version
    unread = {
        **new_order(account, order_id, now=now, lease=timedelta(0)),
        "standing": Standing.DONE,
        "next_step": None,
        "news": False,
        "due_at": None,
    }
    dialect = connection.dialect.name
    connection.execute(insert_into(orders, dialect).on_conflict_do_nothing(), unread)
    lock(connection, sa.select(orders.c.version).where(_IS_ORDER).with_for_update(), wanted)
    return _take(connection, wanted)


def _take(connection: sa.Connection, wanted: dict[str, Any]) -> int | None:
    version: int | None = connection.execute(_TAKE, wanted).scalar_one_or_none()
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
    ours = {
        "of_account": account,
        "of_order": order_id,
        "of_version": version,
        "read_at": now + lease,
    }
    has_news = connection.execute(_FREE, ours).scalar_one_or_none()
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
