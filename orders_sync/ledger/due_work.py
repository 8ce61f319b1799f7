"""Due work: found without a look at what waits, taken a few rows at a time, claimed, or parked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from orders_sync.domain.announcements import parked_order
from orders_sync.domain.rules import OPEN, Progress
from orders_sync.domain.steps import Claim, Dispatch, Step
from orders_sync.ledger.engine import Database
from orders_sync.ledger.order_rows import (
    IS_FREE,
    IS_ORDER,
    NOW,
    OF_ACCOUNT,
    OF_STEP,
    TAKEN,
    UNTIL,
    free_order,
    lock_orders,
    may_be_taken,
    of_order,
)
from orders_sync.ledger.outbox import Outbox, of_commands
from orders_sync.ledger.standings import Transition, parked
from orders_sync.ledger.statements import Row, Taker, is_among
from orders_sync.ledger.tables import commands, orders
from orders_sync.ledger.wakeups import (
    DISPATCHED_FOR,
    HAS_IDLE_THREAD,
    Windows,
    align_all,
)

#: An account and the name of a step.
Heap = tuple[str, str]

_CAUSE: Final = "row.unreadable"
_REASON: Final = "Its step or progress is none that this version knows."
_HINT: Final = (
    "It was written by another version of orders-sync, or by hand. Run the version that wrote it, "
    "or correct the row, then retry it."
)

#: So many commands are parked in one transaction.
_LOT: Final = 500


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
        """Take up to `limit` rows, the longest due first; two processes get different ones.

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
        """Make a step due again whose message this process does not act on."""
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

    def park_unreadable(self, account: str, step: str, *, now: datetime) -> int:
        """Park due rows of an account whose step this version does not know; return how many.

        Commands are parked `_LOT` at a time; those behind them in line may go.
        """
        if step in set(Step):
            return 0
        unreadable, outbox = _unreadable(step, now), self._database.outbox
        with self._database.writing() as connection:
            lost = connection.execute(
                sa.update(orders)
                .where(*_is_due(orders, account, step))
                .values(unreadable.of_order)
                .returning(orders.c.order_id, orders.c.version)
            ).all()
            outbox.write(
                connection,
                (parked_order(account, row.order_id, row.version, _CAUSE, at=now) for row in lost),
            )
            number = len(lost)
            due = sa.select(commands.c.id, commands.c.order_id).where(
                *_is_due(commands, account, step)
            )
            order_of = {row.id: row.order_id for row in connection.execute(due.limit(_LOT))}
            if order_of:
                lock_orders(connection, account, list(order_of.values()), now=now)
                rows = connection.execute(
                    sa.update(commands)
                    .where(commands.c.id.in_(order_of), *_is_due(commands, account, step))
                    .values(unreadable.of_command)
                    .returning(commands)
                ).all()
                outbox.write(connection, of_commands(rows, at=now))
                number += len(rows)
                align_all(connection, account, set(order_of.values()), now=now)
        return number


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

    Two processes that ask at once get different ones.
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


_FACTS: Final = (
    orders.c.order_id,
    orders.c.progress,
    orders.c.version,
    orders.c.attempts,
    orders.c.failing_since,
    orders.c.first_seen_at,
    orders.c.due_at,
    orders.c.revision,
    orders.c.erp_revision,
)
_TAKEN: Final = sa.update(orders).values({**TAKEN, "dispatched_until": UNTIL}).returning(*_FACTS)
_CLAIM: Final = _TAKEN.where(IS_ORDER, may_be_taken(orders), IS_FREE)
_TAKE_NEXT: Final = _TAKEN.where(HAS_IDLE_THREAD, longest_due(orders))

#: A step's message is used up where a command has its order; who frees the order dispatches it.
_STAND_BACK: Final = (
    sa.update(orders)
    .where(
        IS_ORDER,
        orders.c.next_step == OF_STEP,
        orders.c.lease_until > NOW,
        orders.c.dispatched_until != orders.c.lease_until,
    )
    .values(dispatched_until=None)
)


def take_order(
    connection: sa.Connection, outbox: Outbox, account: str, order_id: str, step: Step, taker: Taker
) -> Claim | None:
    """Take an order for a step; None where the step is past or a task has the order."""
    terms = of_order(account, order_id) | _terms(step, taker)
    row = connection.execute(_CLAIM, terms).one_or_none()
    if row is None:
        connection.execute(_STAND_BACK, terms)
        return None
    return _claim_of(connection, outbox, row, account, step, taker)


def take_next_order(
    connection: sa.Connection,
    outbox: Outbox,
    account: str,
    step: Step,
    taker: Taker,
    windows: Windows,
) -> Claim | None:
    """Take the order of an account for which a step is due for longest; None where none is.

    None as well where no thread is idle.
    """
    terms = {"of_account": account, "room": 1, **windows.idle_threads(), **_terms(step, taker)}
    row = connection.execute(_TAKE_NEXT, terms).one_or_none()
    return None if row is None else _claim_of(connection, outbox, row, account, step, taker)


def _terms(step: Step, taker: Taker) -> Row:
    # A read that starts sees all that is known so far.
    news = {"news": False} if step is Step.FETCH else {}
    return {"of_step": step, **taker.terms, **news}


def _claim_of(
    connection: sa.Connection, outbox: Outbox, row: Any, account: str, step: Step, taker: Taker
) -> Claim | None:
    """Return the claim of a row that was taken; one that cannot be read is parked."""
    if row.progress not in set(Progress):
        message, now = Dispatch(account, row.order_id, step), taker.now
        free_order(connection, message, row.version, _unreadable(step, now).of_order, now=now)
        event = parked_order(account, row.order_id, row.version, _CAUSE, at=now)
        outbox.write(connection, [event])
        return None
    return Claim(
        account,
        row.order_id,
        step,
        Progress(row.progress),
        row.version,
        row.attempts,
        row.failing_since,
        row.first_seen_at,
        row.due_at,
        taker.until,
        row.revision,
        row.erp_revision,
    )


def _unreadable(step: str, now: datetime) -> Transition:
    return parked(cause=_CAUSE, reason=_REASON, hint=_HINT, step=step, at=now)


def _is_due(table: sa.Table, account: str, step: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        table.c.account == account,
        table.c.next_step == step,
        table.c.standing.in_(OPEN),
        table.c.due_at.is_not(None),
    )
