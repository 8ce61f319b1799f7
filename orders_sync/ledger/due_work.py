"""What is due, found without looking at what merely waits, and taken a few rows at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from orders_sync.domain.rules import OPEN
from orders_sync.domain.steps import Dispatch, Step
from orders_sync.ledger.engine import Database
from orders_sync.ledger.order_lease import NOW, OF_ACCOUNT, OF_STEP, UNTIL, is_among
from orders_sync.ledger.tables import commands, orders
from orders_sync.ledger.windows import DISPATCHED_FOR

#: An account and the name of a step.
Heap = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Due:
    """Work of one account that needs one step; `since` is when the first of it became due."""

    account: str
    step: str
    since: datetime


class DueWork:
    """Reads and takes due work; its cost grows with the accounts that have some, and no further."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, *, now: datetime) -> Sequence[Due]:
        """List the accounts and steps that have something due, some of it perhaps under way."""
        with self._database.reading() as connection:
            rows = [row for statement in _HEADS for row in connection.execute(statement)]
        return [Due(row.account, row.step, row.due_at) for row in rows if row.due_at <= now]

    def under_way(self, *, now: datetime) -> Counter[Heap]:
        """Count what is in the broker or in a worker's hands, by account and step."""
        number: Counter[Heap] = Counter()
        with self._database.reading() as connection:
            for statement in _UNDER_WAY:
                for row in connection.execute(statement, {"now": now}):
                    number[row.account, row.next_step] += row.number
        return number

    def take(self, account: str, step: Step, *, limit: int, now: datetime) -> list[Dispatch]:
        """Take up to `limit` rows, the longest due first; two who take at once get different ones.

        What was taken is not due again before `DISPATCHED_FOR` has passed.
        """
        dispatches: list[Dispatch] = []
        with self._database.writing() as connection:
            for statement in _TAKE:
                room = limit - len(dispatches)
                if room > 0:
                    until = now + DISPATCHED_FOR
                    terms = {"of_account": account, "of_step": step, "now": now, "until": until}
                    rows = connection.execute(statement, terms | {"room": room}).mappings()
                    dispatches += [
                        Dispatch(account, row["order_id"], step, row.get("id")) for row in rows
                    ]
        return dispatches

    def leave_to_others(self, dispatch: Dispatch) -> None:
        """Have a step dispatched again whose message this process does not act on."""
        if dispatch.command_id is None:
            statement = sa.update(orders).where(
                orders.c.account == dispatch.account,
                orders.c.order_id == dispatch.order_id,
                orders.c.lease_owner.is_(None),
            )
        else:
            statement = sa.update(commands).where(commands.c.id == dispatch.command_id)
        with self._database.writing() as connection:
            connection.execute(statement.values(dispatched_until=None))


def _heads(table: sa.Table) -> sa.Select[Any]:
    """Return the first due time of each account and step, by jumps along the index of due work.

    https://wiki.postgresql.org/wiki/Loose_indexscan
    """
    account, step, due_at = table.c.account, table.c.next_step, table.c.due_at

    def first(column: sa.Column[Any], *conditions: sa.ColumnElement[bool]) -> Any:
        # In the order of the index of due work, so that PostgreSQL takes no other one.
        rows = sa.select(column).where(due_at.is_not(None), *conditions)
        return rows.order_by(account, step, due_at).limit(1).scalar_subquery()

    accounts = sa.select(first(account).label("account")).cte(
        f"{table.name}_accounts", recursive=True
    )
    accounts = accounts.union_all(
        sa.select(first(account, account > accounts.c.account)).where(
            accounts.c.account.is_not(None)
        )
    )
    steps = (
        sa.select(accounts.c.account, first(step, account == accounts.c.account).label("step"))
        .where(accounts.c.account.is_not(None))
        .cte(f"{table.name}_steps", recursive=True)
    )
    next_step = first(step, account == steps.c.account, step > steps.c.step)
    steps = steps.union_all(sa.select(steps.c.account, next_step).where(steps.c.step.is_not(None)))
    first_due = first(due_at, account == steps.c.account, step == steps.c.step)
    return sa.select(steps.c.account, steps.c.step, first_due.label("due_at")).where(
        steps.c.step.is_not(None)
    )


def _counted(table: sa.Table) -> sa.Select[Any]:
    key = (table.c.account, table.c.next_step)
    return (
        sa.select(*key, sa.func.count().label("number"))
        .where(table.c.dispatched_until.is_not(None), table.c.dispatched_until > NOW)
        .group_by(*key)
    )


def longest_due(table: sa.Table) -> sa.ColumnElement[bool]:
    """Return the condition that a row is among the `room` that are due for longest.

    Two who ask at once get different ones.
    """
    lease_until: sa.ColumnElement[Any] = orders.c.lease_until
    key: tuple[sa.Column[Any], ...] = (orders.c.account, orders.c.order_id)
    if table is commands:
        # A subquery that is looked up for each of a few rows. PostgreSQL would turn NOT EXISTS
        # into a join, and read all orders for it.
        is_order = (
            orders.c.account == commands.c.account,
            orders.c.order_id == commands.c.order_id,
        )
        lease_until = sa.select(lease_until).where(*is_order).scalar_subquery()
        key = (commands.c.id,)
    due = (
        sa.select(*key)
        .where(
            table.c.account == OF_ACCOUNT,
            table.c.next_step == OF_STEP,
            is_among(table.c.standing, OPEN),
            table.c.due_at <= NOW,
            sa.or_(table.c.dispatched_until.is_(None), table.c.dispatched_until <= NOW),
            sa.func.coalesce(lease_until, NOW) <= NOW,
        )
        .order_by(table.c.due_at)
        .limit(sa.bindparam("room"))
        .with_for_update(skip_locked=True, of=table)
        .cte("due")  # As a subquery, PostgreSQL may run it, and its limit, more than once.
    )
    return sa.tuple_(*key).in_(sa.select(due))


def _take(table: sa.Table, *columns: sa.Column[Any]) -> sa.UpdateBase:
    dispatched = sa.update(table).where(longest_due(table)).values(dispatched_until=UNTIL)
    return dispatched.returning(*columns)


_HEADS: Final = tuple(map(_heads, (orders, commands)))
_UNDER_WAY: Final = tuple(map(_counted, (orders, commands)))
_TAKE: Final = (
    _take(orders, orders.c.order_id),
    _take(commands, commands.c.order_id, commands.c.id),
)
