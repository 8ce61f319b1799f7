"""What is unfinished, and what was finished lately, counted and dated for monitoring.

Only rows that are not at their end are read for the former, by the indices on `standing` and on
events that are not acknowledged, so a ledger of any age answers in the time its open work asks for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from orders_sync.domain.rules import OPEN, UNFINISHED, Standing
from orders_sync.ledger.accounts import Accounts, Chore
from orders_sync.ledger.endpoints import Endpoints
from orders_sync.ledger.engine import Database
from orders_sync.ledger.events import HookLog, waits_for_vtex
from orders_sync.ledger.outbox_log import Backlog, OutboxLog
from orders_sync.ledger.tables import commands, events, orders, strays

Key = tuple[str, ...]

#: A chart has so many bars, each of so long.
BARS: Final = 30
BAR: Final = timedelta(minutes=2)

#: Numbers by account, the oldest bar first.
Bars = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class LedgerState:
    """What was unfinished at `at`; every key begins with the account.

    Further parts of the keys: standing; step and cause; kind and standing; kind and cause; kind.
    An order is as old as the latest event that asked for it, so that one which comes back after a
    month is not a month late; orders that wait for VTEX itself do not count. A poll that failed
    and rests counts as one until its rest is over; `feed_read` is when one that read the feed
    without an error ended. `feed_silent` is since when the hook tells what the feed does not, and
    `hook_silent` when a hook was heard last, of those that the feed told something without.
    `strays` are messages of no account that no task could take, and that wait for a person.
    The keys of what is sent to endpoints begin with the endpoint's id; those that are off have why.
    """

    at: datetime
    orders: Mapping[Key, int] = field(default_factory=dict)
    orders_parked: Mapping[Key, int] = field(default_factory=dict)
    commands: Mapping[Key, int] = field(default_factory=dict)
    commands_parked: Mapping[Key, int] = field(default_factory=dict)
    oldest_order: Mapping[Key, datetime] = field(default_factory=dict)
    oldest_command: Mapping[Key, datetime] = field(default_factory=dict)
    oldest_event: Mapping[Key, datetime] = field(default_factory=dict)
    polled: Mapping[Key, datetime] = field(default_factory=dict)
    feed_read: Mapping[Key, datetime] = field(default_factory=dict)
    feed_silent: Mapping[Key, datetime] = field(default_factory=dict)
    hook_silent: Mapping[Key, datetime] = field(default_factory=dict)
    strays: int = 0
    events_waiting: Mapping[Key, int] = field(default_factory=dict)
    oldest_waiting: Mapping[Key, datetime] = field(default_factory=dict)
    endpoints_off: Mapping[Key, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many orders and commands wait, by account, step and cause.

    `failing` is when the first of them failed that has not succeeded since, by the same key.
    """

    orders: Mapping[Key, int] = field(default_factory=dict)
    commands: Mapping[Key, int] = field(default_factory=dict)
    failing: Mapping[Key, datetime] = field(default_factory=dict)


class Gauges:
    """Reads the state of the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, *, now: datetime, delivered_after: datetime) -> LedgerState:
        """Read what is unfinished.

        Events that VTEX delivered before `delivered_after` are left out: had they not been
        acknowledged, it would have sent them again.

        Raises:
            LedgerUnavailable: the database does not answer.
        """
        polls = Accounts(self._database).last_runs(Chore.POLL)
        hooks = HookLog(self._database).read()
        endpoints = Endpoints(self._database).all()
        backlogs = OutboxLog(self._database).backlogs(now=now) if endpoints else {}
        waiting = {endpoint.id: backlogs.get(endpoint.id, Backlog()) for endpoint in endpoints}
        with self._database.reading() as connection:
            return LedgerState(
                at=now,
                orders=_grouped(connection, _ORDERS),
                orders_parked=_grouped(connection, _ORDERS_PARKED),
                commands=_grouped(connection, _COMMANDS),
                commands_parked=_grouped(connection, _COMMANDS_PARKED),
                oldest_order=_grouped(connection, _oldest_order()),
                oldest_command=_grouped(connection, _OLDEST_COMMAND),
                oldest_event=_grouped(connection, _oldest_event(delivered_after)),
                polled={(account,): last_run.alive_at for account, last_run in polls.items()},
                feed_read={
                    (account,): last_run.succeeded_at
                    for account, last_run in polls.items()
                    if last_run.succeeded_at is not None
                },
                feed_silent={
                    (account,): activity.feed_silent_since
                    for account, activity in hooks.items()
                    if activity.feed_silent_since
                },
                hook_silent={
                    (account,): activity.hook_silent_since
                    for account, activity in hooks.items()
                    if activity.hook_silent_since
                },
                strays=connection.execute(_STRAYS).scalar_one(),
                events_waiting={(its_id,): backlog.waiting for its_id, backlog in waiting.items()},
                oldest_waiting={
                    (its_id,): backlog.since
                    for its_id, backlog in waiting.items()
                    if backlog.since is not None
                },
                endpoints_off={
                    (endpoint.id, endpoint.off_why or ""): 1
                    for endpoint in endpoints
                    if endpoint.off_at is not None
                },
            )

    def read_waiting(self) -> Waiting:
        """Read why work waits.

        Raises:
            LedgerUnavailable: the database does not answer.
        """
        with self._database.reading() as connection:
            of_orders = _grouped(connection, _failing(orders))
            of_commands = _grouped(connection, _failing(commands))
            return Waiting(
                _grouped(connection, _waiting(orders)),
                _grouped(connection, _waiting(commands)),
                # Orders and commands have no step in common.
                of_orders | of_commands,
            )

    def finished_lately(self, *, now: datetime) -> tuple[Bars, Bars]:
        """Count the orders, and the commands, that came to their end in each of the last `BARS`."""
        with self._database.reading() as connection:
            return _finished(connection, orders, now), _finished(connection, commands, now)


def _grouped(connection: sa.Connection, statement: sa.Select[Any]) -> dict[Key, Any]:
    """Read rows whose last column is the value and whose others are the key."""
    rows = connection.execute(statement)
    return {tuple(part or "" for part in key): value for *key, value in rows}


def _count(*columns: sa.Column[Any], where: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return _by(*columns, value=sa.func.count(), where=where)


def _by(
    account: sa.Column[Any],
    *columns: sa.Column[Any],
    value: sa.ColumnElement[Any],
    where: sa.ColumnElement[bool],
) -> sa.Select[Any]:
    """Group by an expression: by a column SQLite would walk an index of the whole table."""
    unordered = account.concat("")
    return sa.select(unordered, *columns, value).where(where).group_by(unordered, *columns)


_ORDERS: Final = _count(
    orders.c.account, orders.c.standing, where=orders.c.standing.in_(UNFINISHED)
)
_ORDERS_PARKED: Final = _count(
    orders.c.account,
    orders.c.next_step,
    orders.c.cause,
    where=orders.c.standing == Standing.PARKED,
)
_COMMANDS: Final = _count(
    commands.c.account,
    commands.c.kind,
    commands.c.standing,
    where=commands.c.standing.in_(UNFINISHED),
)
_COMMANDS_PARKED: Final = _count(
    commands.c.account,
    commands.c.kind,
    commands.c.cause,
    where=commands.c.standing == Standing.PARKED,
)
_OLDEST_COMMAND: Final = _by(
    commands.c.account,
    commands.c.kind,
    value=sa.func.min(sa.func.coalesce(commands.c.retried_at, commands.c.created_at)),
    where=commands.c.standing.in_(OPEN),
)

_STRAYS: Final = (
    sa.select(sa.func.count()).select_from(strays).where(strays.c.standing == Standing.PARKED)
)


def _waiting(table: sa.Table) -> sa.Select[Any]:
    return _count(
        table.c.account,
        table.c.next_step,
        table.c.cause,
        where=table.c.standing == Standing.WAITING,
    )


def _failing(table: sa.Table) -> sa.Select[Any]:
    return _by(
        table.c.account,
        table.c.next_step,
        table.c.cause,
        value=sa.func.min(table.c.failing_since),
        where=sa.and_(table.c.standing.in_(OPEN), table.c.failing_since.is_not(None)),
    )


def _oldest_order() -> sa.Select[Any]:
    asked_at = (
        sa.select(sa.func.max(events.c.first_seen_at))
        .where(events.c.account == orders.c.account, events.c.order_id == orders.c.order_id)
        .scalar_subquery()
    )
    return _by(
        orders.c.account,
        value=sa.func.min(sa.func.coalesce(asked_at, orders.c.first_seen_at)),
        where=sa.and_(orders.c.standing.in_(OPEN), sa.not_(waits_for_vtex())),
    )


def _oldest_event(delivered_after: datetime) -> sa.Select[Any]:
    return (
        sa.select(events.c.account, sa.func.min(events.c.first_seen_at))
        .where(events.c.acknowledged_at.is_(None), events.c.delivered_at > delivered_after)
        .group_by(events.c.account)
    )


def _finished(connection: sa.Connection, table: sa.Table, now: datetime) -> Bars:
    first = now - BARS * BAR
    bar = sa.case(
        *((table.c.updated_at >= first + index * BAR, index) for index in reversed(range(BARS)))
    ).label("bar")
    statement = (
        sa.select(table.c.account, bar, sa.func.count().label("number"))
        .where(table.c.standing == Standing.DONE, table.c.updated_at >= first)
        .group_by(table.c.account, bar)
    )
    numbers: dict[str, list[int]] = {}
    for row in connection.execute(statement):
        numbers.setdefault(row.account, [0] * BARS)[row.bar] += row.number
    return {account: tuple(bars) for account, bars in numbers.items()}
