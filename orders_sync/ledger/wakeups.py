"""What makes an order's work due, in its turn, and dispatches it at once where there is room.

Windows bound how much is under way. Reads and steps are made due inside somebody's transaction. In
a line of commands, one that is behind another has no due time, and gets one in turn.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

import sqlalchemy as sa

from orders_sync.commands.lines import DECIDING, Place, blockers
from orders_sync.domain.rules import OPEN, UNFINISHED, Standing
from orders_sync.domain.steps import Dispatch, Step
from orders_sync.ledger.order_rows import (
    ARE_OF_ORDERS,
    ARE_ORDERS,
    IS_FREE,
    IS_OF_ORDER,
    IS_ORDER,
    LOCKED,
    NOW,
    OF_ACCOUNT,
    UNTIL,
    make_known,
    new_order,
    of_order,
    of_orders,
)
from orders_sync.ledger.standings import Transition, opened
from orders_sync.ledger.statements import CLOCKS_DIFFER, Row, is_among, lock
from orders_sync.ledger.tables import commands, orders

#: What was dispatched and not claimed within this time is due again: its message may be lost.
DISPATCHED_FOR: Final = timedelta(seconds=5)


@dataclass(slots=True)
class Windows:
    """The bounds of a process, which its heartbeat keeps in step with the threads of all workers.

    `account` bounds what one account has under way, `total` what all have together. So many
    `threads` take orders: where no more than that is under way, no message waits for one of them.
    """

    account: int = 20
    total: int = 200
    threads: int = 0

    def room(
        self, connection: sa.Connection, account: str, now: datetime, *, is_urgent: bool = False
    ) -> int:
        """Return how many more steps of an account may be dispatched now.

        What `is_urgent` does not wait for the account's other work, however much that is.
        """
        mine, everybody = _under_way(connection, account, now)
        left = self.total - everybody
        return max(0, left if is_urgent else min(left, self.account - mine))

    def idle_threads(self) -> Mapping[str, int]:
        """Return the parameters of `HAS_IDLE_THREAD`."""
        return {"of_window": self.account, "of_threads": self.threads}


def _under_way(connection: sa.Connection, account: str, now: datetime) -> tuple[int, int]:
    """Return how much of an account is under way, and how much of all accounts."""
    mine, everybody = connection.execute(_UNDER_WAY, {"of_account": account, "now": now}).one()
    return mine, everybody


def _counted(table: sa.Table, *conditions: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    is_under_way = (table.c.dispatched_until.is_not(None), table.c.dispatched_until > NOW)
    return (
        sa.select(sa.func.count())
        .select_from(table)
        .where(*is_under_way, *conditions)
        .correlate(None)
        .scalar_subquery()
    )


_MINE: Final = _counted(orders, orders.c.account == OF_ACCOUNT) + _counted(
    commands, commands.c.account == OF_ACCOUNT
)
_EVERYBODYS: Final = _counted(orders) + _counted(commands)
_UNDER_WAY: Final = sa.select(_MINE, _EVERYBODYS)

#: A thread that goes on with an account keeps nobody waiting.
HAS_IDLE_THREAD: Final = sa.and_(
    sa.bindparam("of_window") > _MINE, sa.bindparam("of_threads") > _EVERYBODYS
)


def request_reads(
    connection: sa.Connection,
    account: str,
    order_ids: Sequence[str],
    *,
    windows: Windows,
    now: datetime,
) -> list[Dispatch]:
    """Make reads of orders due, and return those to dispatch at once.

    A worker that has one of the orders reads it when it frees it.
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
    """Insert orders, or mark known ones; return those that are free, in their order."""
    read = opened(Step.FETCH, at=now)
    rows = [new_order(account, order_id, read, news=True, now=now) for order_id in order_ids]
    added = set(connection.execute(_add(connection.dialect.name), rows).scalars())
    known = [order_id for order_id in order_ids if order_id not in added]
    if known:
        terms = of_orders(account, known) | {"now": now}
        lock(connection, LOCKED, terms)
        connection.execute(_NEWS, terms)
        added |= set(connection.execute(_READ_KNOWN, terms | read.of_order).scalars())
    return sorted(added)


@cache
def _add(dialect: str) -> sa.Executable:
    return make_known(dialect).returning(orders.c.order_id)


_DISPATCH: Final = sa.update(orders).where(ARE_ORDERS).values(dispatched_until=UNTIL)
_NEWS: Final = sa.update(orders).where(ARE_ORDERS).values(news=True)
_READ_KNOWN: Final = (
    sa.update(orders).where(ARE_ORDERS, IS_FREE).values(news=True).returning(orders.c.order_id)
)


def read_later(connection: sa.Connection, account: str, order_id: str, *, at: datetime) -> None:
    """Make the read of an order at rest due at a time, if its ERP is told of changes."""
    read = Transition(
        standing=Standing.WAITING,
        step=Step.FETCH,
        due_at=at,
        cause="vtex.changing",
        reason="VTEX made a change, and shows it in a while",
    )
    connection.execute(_READ_LATER, of_order(account, order_id) | read.of_order)


_READ_LATER: Final = sa.update(orders).where(
    IS_ORDER, orders.c.standing == Standing.DONE, orders.c.revision.is_not(None)
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
    .where(_is_due(commands))
    .order_by(sa.case((_IS_DECIDING, 0), else_=1), commands.c.position)
    .limit(1)
)
_GO: Final = (
    sa.update(commands)
    .values(dispatched_until=UNTIL)
    .returning(commands.c.order_id, commands.c.id, commands.c.next_step)
)
_NEXT_COMMAND: Final = _GO.where(
    commands.c.id == _OLDEST.where(IS_OF_ORDER, _ORDER_IS_FREE).scalar_subquery()
)
_HEADS: Final = (
    sa.select(
        orders.c.order_id,
        _OLDEST.where(
            commands.c.account == orders.c.account, commands.c.order_id == orders.c.order_id
        )
        .correlate(orders)
        .scalar_subquery()
        .label("id"),
    )
    .where(ARE_ORDERS, IS_FREE)
    .subquery()
)
_FIRST_HEADS: Final = (
    sa.select(_HEADS.c.id)
    .where(_HEADS.c.id.is_not(None))
    .order_by(_HEADS.c.order_id)
    .limit(sa.bindparam("room"))
    .cte("heads")
)
_NEXT_COMMANDS: Final = _GO.where(commands.c.id.in_(sa.select(_FIRST_HEADS)))


def settle(connection: sa.Connection, account: str, order_id: str, *, now: datetime) -> None:
    """Make commands due now that wait, without a failure, for their order to go on."""
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
    return _dispatches(account, connection.execute(_NEXT_COMMAND, terms))


def next_of_each(
    connection: sa.Connection, account: str, order_ids: Iterable[str], *, room: int, now: datetime
) -> list[Dispatch]:
    """Return the oldest due command of each order that is free, `room` at most."""
    terms = of_orders(account, sorted(order_ids)) | {"now": now, "until": now + DISPATCHED_FOR}
    return _dispatches(account, connection.execute(_NEXT_COMMANDS, terms | {"room": room}))


def _dispatches(account: str, rows: Iterable[sa.Row[Any]]) -> list[Dispatch]:
    return [
        Dispatch(account, row.order_id, Step(row.next_step), row.id)
        for row in sorted(rows, key=lambda row: row.order_id)
    ]


#: Why a command has no due time: an older one of its line is unfinished, or a person decides first.
BEHIND: Final = "line.behind"
HELD: Final = "line.held"

_PLACES: Final = sa.select(
    commands.c.account,
    commands.c.order_id,
    commands.c.line,
    commands.c.id,
    commands.c.kind,
    commands.c.standing,
    commands.c.outcome,
    commands.c.progress,
    commands.c.position,
    commands.c.intent.is_not(None).label("is_intended"),
    commands.c.is_rest,
    commands.c.body.contains('"tracking_number":', autoescape=True).label("brings_number"),
    commands.c.vtex_number,
    commands.c.asked_key,
    commands.c.created_at,
    commands.c.due_at,
    commands.c.cause,
).where(is_among(commands.c.standing, UNFINISHED), commands.c.line.is_not(None))

_OF_ORDER: Final = _PLACES.where(IS_OF_ORDER)
_OF_ORDERS: Final = _PLACES.where(ARE_OF_ORDERS)

_ALIGN: Final = sa.update(commands).where(commands.c.id == sa.bindparam("of_id"))


def align(connection: sa.Connection, account: str, order_id: str, *, now: datetime) -> None:
    """Set the due time of commands of an order that may go, and clear that of those that may not.

    One that is due later keeps its time, and is looked at again when it is claimed. The order's row
    is locked by the caller, so that nobody changes a line meanwhile.
    """
    _align(connection, connection.execute(_OF_ORDER, of_order(account, order_id)), now)


def align_all(
    connection: sa.Connection, account: str, order_ids: Iterable[str], *, now: datetime
) -> None:
    """Align the lines of several orders at once."""
    _align(connection, connection.execute(_OF_ORDERS, of_orders(account, list(order_ids))), now)


def _align(connection: sa.Connection, rows: Iterable[sa.Row[Any]], now: datetime) -> None:
    lines: dict[tuple[str, str], list[sa.Row[Any]]] = defaultdict(list)
    for row in rows:
        lines[row.order_id, row.line].append(row)
    may_go = Transition(standing=Standing.ACTIVE, due_at=now)
    going: list[Row] = []
    waiting: list[Row] = []
    for line in lines.values():
        by_id = {row.id: row for row in line}
        for place, other in blockers([_place(row) for row in line]):
            row = by_id[place.command_id]
            if other is None:
                if row.due_at is None:
                    going.append({"of_id": row.id, **may_go.of_command})
            elif _may_be_claimed(row, now) or (row.due_at is None and not _says_why(row, other)):
                waiting.append({"of_id": row.id, **_behind(other).of_command})
    for changes in (going, waiting):
        if changes:
            connection.execute(_ALIGN, changes)


def _may_be_claimed(row: sa.Row[Any], now: datetime) -> bool:
    """Check whether a process may claim a command, by its own clock."""
    return row.due_at is not None and row.due_at <= now + CLOCKS_DIFFER


def _says_why(row: sa.Row[Any], other: Place) -> bool:
    return bool(row.cause == (BEHIND if other.is_open else HELD))


def _behind(other: Place) -> Transition:
    if other.is_open:
        return Transition(
            standing=Standing.WAITING,
            cause=BEHIND,
            reason=f"It was asked for after {other.kind} {other.command_id}, which is not "
            "finished.",
        )
    return Transition(
        standing=Standing.WAITING,
        cause=HELD,
        reason=f"It is about all that is left, and {other.kind} {other.command_id} is parked.",
        hint=f"Decide that one first: orders-sync parked retry, edit or discard {other.command_id}",
    )


def _place(row: sa.Row[Any]) -> Place:
    return Place(
        command_id=row.id,
        kind=row.kind,
        standing=Standing(row.standing),
        outcome=row.outcome,
        position=row.position,
        has_begun=row.is_intended or row.progress == "sent",
        is_rest=row.is_rest,
        brings_number=row.brings_number,
        number=row.vtex_number,
        asked_key=row.asked_key,
        created_at=row.created_at,
    )
