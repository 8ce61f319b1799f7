"""Erases what is personal of orders that are finished; facts and the journal stay.

Erased are the order's document, the bodies of its commands, and every text that another system or
a person worded: reasons, hints, and why a person did something. What stays is ids, keys, receipts,
amounts, statuses and times, which keep doubled commands harmless for ever.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from orders_sync.domain.rules import Standing
from orders_sync.ledger.engine import Database
from orders_sync.ledger.journal import Entry, write_entries
from orders_sync.ledger.locks import lock
from orders_sync.ledger.tables import commands, documents, operator_log, orders

_NOTHING: Final = "{}"
_RETURN: Final = '{"type":"Input"}'

#: The bodies that erased commands have: a return is still told from a sale, as sums need it.
ERASED: Final = (_NOTHING, _RETURN)

FINISHED: Final = (Standing.DONE, Standing.VOID)

#: An account and an order id.
OrderKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Lot:
    """Orders that may be due for erasing: all that changed last until `until`."""

    orders: Sequence[OrderKey]
    until: datetime


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose orders are looked at: one account's `only`, or those of all `but` some."""

    only: str | None = None
    but: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Erased:
    """How much was erased."""

    documents: int = 0
    commands: int = 0

    def __add__(self, other: Erased) -> Erased:
        return Erased(self.documents + other.documents, self.commands + other.commands)


class Retention:
    """Finds orders past their retention by the time of their last change, and erases them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def next_lot(
        self,
        table: sa.Table,
        standing: Standing,
        *,
        accounts: Whose,
        after: datetime | None,
        before: datetime,
        limit: int,
    ) -> Lot | None:
        """List the orders of the next rows (of `orders` or `commands`) that ended; None at the end.

        Rows that changed in one instant stay together, so a lot may be larger than `limit`.
        """
        ended = [table.c.standing == standing, table.c.updated_at < before]
        if accounts.only is not None:
            ended.append(table.c.account == accounts.only)
        elif accounts.but:
            ended.append(table.c.account.not_in(accounts.but))
        if after is not None:
            ended.append(table.c.updated_at > after)
        some = sa.select(table.c.updated_at).where(*ended).order_by(table.c.updated_at).limit(limit)
        with self._database.reading() as connection:
            ends = connection.execute(some).scalars().all()
            if not ends:
                return None
            until: datetime = ends[-1]
            these = sa.select(table.c.account, table.c.order_id).where(
                *ended, table.c.updated_at <= until
            )
            rows = connection.execute(these.distinct()).all()
        return Lot([(row.account, row.order_id) for row in rows], until)

    def erase(self, lot: Lot, *, before: datetime, now: datetime) -> Erased:
        """Erase those orders of a lot that are wholly finished since `before`.

        An order with a command that is not at its end, or ended later, is left for when that is.
        """
        with self._database.writing() as connection:
            erase_for_good(connection)
            finished = _finished(connection, lot.orders, before)
            erased = erase_orders(connection, finished)
            homeless = _erase_bodies(connection, _without_order(lot.orders, before))
            entries = [Entry(now, *key, "order.purged") for key in sorted(erased.keys)]
            write_entries(connection, entries)
        return Erased(erased.documents, erased.commands + len(homeless))


def erase_for_good(connection: sa.Connection) -> None:
    """Have what is deleted be gone from an SQLite file too; PostgreSQL's VACUUM does so later."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON")


def empty_log(database: Database) -> bool:
    """Have an SQLite file's write-ahead log hold nothing of what was erased; return whether so.

    A reader that is in the midst of its transaction prevents it. Other databases see to it alone.
    https://www.sqlite.org/pragma.html#pragma_wal_checkpoint
    """
    if database.engine.dialect.name != "sqlite":
        return True
    with database.reading() as connection:
        is_busy: int = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]
    return not is_busy


@dataclass(frozen=True, slots=True)
class ErasedOrders:
    """The orders that something was erased of, and how much."""

    keys: Collection[OrderKey]
    documents: int
    commands: int


def erase_orders(connection: sa.Connection, keys: Sequence[OrderKey]) -> ErasedOrders:
    """Erase all that is personal of orders inside a transaction."""
    if not keys:
        return ErasedOrders((), 0, 0)
    deleted = sa.delete(documents).where(_is_among(documents, keys))
    gone = connection.execute(deleted.returning(documents.c.account, documents.c.order_id)).all()
    emptied = _erase_bodies(connection, _is_among(commands, keys))
    connection.execute(
        sa.update(orders)
        .where(_is_among(orders, keys), _has_words(orders))
        .values(reason=None, hint=None)
    )
    # What is erased is not read again by a look for changes.
    connection.execute(
        sa.update(orders)
        .where(_is_among(orders, keys), orders.c.compare_at.is_not(None))
        .values(compare_at=None)
    )
    connection.execute(
        sa.update(operator_log)
        .where(_is_among(operator_log, keys), operator_log.c.why.is_not(None))
        .values(why=None)
    )
    erased = {(row.account, row.order_id) for row in gone}
    return ErasedOrders(erased | set(emptied), len(gone), len(emptied))


def _erase_bodies(connection: sa.Connection, which: sa.ColumnElement[bool]) -> Sequence[OrderKey]:
    """Empty commands; gives the order of each."""
    is_full = sa.or_(commands.c.body.not_in(ERASED), _has_words(commands))
    is_return = sa.and_(
        commands.c.kind == "invoice", commands.c.body.contains('"type":"Input"', autoescape=True)
    )
    statement = (
        sa.update(commands)
        .where(which, is_full)
        .values(
            body=sa.case((is_return, _RETURN), else_=_NOTHING),
            intent=None,
            reason=None,
            hint=None,
        )
        .returning(commands.c.account, commands.c.order_id)
    )
    return [(row.account, row.order_id) for row in connection.execute(statement)]


def _finished(
    connection: sa.Connection, keys: Sequence[OrderKey], before: datetime
) -> Sequence[OrderKey]:
    """Lock the orders among these that are at their end with all their commands."""
    if not keys:
        return []
    is_open = sa.exists().where(
        commands.c.account == orders.c.account,
        commands.c.order_id == orders.c.order_id,
        sa.or_(commands.c.standing.not_in(FINISHED), commands.c.updated_at >= before),
    )
    is_finished = (
        _is_among(orders, keys),
        orders.c.standing.in_(FINISHED),
        orders.c.updated_at < before,
        sa.not_(is_open),
    )
    chosen = sa.select(orders.c.account, orders.c.order_id).where(*is_finished)
    in_order = chosen.order_by(orders.c.account, orders.c.order_id)
    lock(connection, in_order.with_for_update(of=orders))
    return [(row.account, row.order_id) for row in connection.execute(in_order)]


def _without_order(keys: Sequence[OrderKey], before: datetime) -> sa.ColumnElement[bool]:
    """Find finished commands, such as refused ones, whose order was never heard of."""
    has_order = sa.exists().where(
        orders.c.account == commands.c.account, orders.c.order_id == commands.c.order_id
    )
    return sa.and_(
        _is_among(commands, keys),
        commands.c.standing.in_(FINISHED),
        commands.c.updated_at < before,
        sa.not_(has_order),
    )


def _is_among(table: sa.Table, keys: Sequence[OrderKey]) -> sa.ColumnElement[bool]:
    """Find the rows of orders; the two plain conditions are those that indices help with."""
    return sa.and_(
        table.c.account.in_({account for account, _ in keys}),
        table.c.order_id.in_({order_id for _, order_id in keys}),
        sa.tuple_(table.c.account, table.c.order_id).in_(keys),
    )


def _has_words(table: sa.Table) -> sa.ColumnElement[bool]:
    return sa.or_(table.c.reason.is_not(None), table.c.hint.is_not(None))
