"""Erases what is personal: of finished orders in time, or of one order as a person says.

Erased are the order's document, the bodies of its commands, and every text that another system or
a person worded: reasons, hints, and why a person did something. What stays is ids, keys, receipts,
amounts, statuses and times, which keep doubled commands harmless for ever.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from orders_sync.domain.rules import Standing
from orders_sync.ledger.decisions import DecisionRefused, void_commands, void_order
from orders_sync.ledger.engine import Database
from orders_sync.ledger.journal import Act, JournalLine, keep_act, write_entries
from orders_sync.ledger.outbox import Outbox
from orders_sync.ledger.statements import lock
from orders_sync.ledger.tables import commands, documents, operator_log, orders
from orders_sync.ledger.wakeups import align
from orders_sync.terminal import order_command

_NOTHING: Final = "{}"
_RETURN: Final = '{"type":"Input"}'

#: The bodies that erased commands have: a return is still told from a sale, as sums need it.
ERASED: Final = (_NOTHING, _RETURN)

FINISHED: Final = (Standing.DONE, Standing.VOID)

FORGOTTEN = "order.forgotten"

_STATE = sa.select(orders.c.standing, orders.c.lease_until)

#: An account and an order id.
OrderKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class PurgeLot:
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


@dataclass(frozen=True, slots=True)
class ErasedOrders:
    """The orders that something was erased of, and how much."""

    keys: Collection[OrderKey]
    documents: int
    commands: int


@dataclass(frozen=True, slots=True)
class Forgettable:
    """What of an order waits for a person, and would be given up."""

    is_parked: bool
    parked_commands: Sequence[str]


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was erased, and what was given up for it."""

    documents: int
    commands: int
    given_up: int


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
    ) -> PurgeLot | None:
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
        return PurgeLot([(row.account, row.order_id) for row in rows], until)

    def erase(self, lot: PurgeLot, *, before: datetime, now: datetime) -> Erased:
        """Erase those orders of a lot that are wholly finished since `before`.

        An order with a command that is not at its end, or ended later, is left for when that is.
        """
        with self._database.writing() as connection:
            erase_for_good(connection)
            finished = _finished(connection, lot.orders, before)
            erased = erase_orders(connection, finished)
            homeless = _erase_bodies(connection, _without_order(lot.orders, before))
            entries = [JournalLine(now, *key, "order.purged") for key in sorted(erased.keys)]
            write_entries(connection, entries)
        return Erased(erased.documents, erased.commands + len(homeless))

    def empty_log(self) -> bool:
        """Empty an SQLite file's write-ahead log of what was erased; return whether that was done.

        A reader in the midst of its transaction prevents it. Other databases need none of it.
        https://www.sqlite.org/pragma.html#pragma_wal_checkpoint
        """
        if self._database.engine.dialect.name != "sqlite":
            return True
        with self._database.reading() as connection:
            is_busy: int = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]
        return not is_busy

    def forgettable(self, account: str, order_id: str, *, now: datetime) -> Forgettable:
        """Return what `forget_order` would give up.

        Raises:
            DecisionRefused: the ledger does not know the order, or it is being worked on.
        """
        with self._database.reading() as connection:
            return _forgettable(connection, account, order_id, _STATE, now)

    def forget_order(self, account: str, order_id: str, act: Act) -> Forgotten:
        """Erase the order's document and the bodies of its commands, for good.

        What is parked of it is given up: it is void, and an ERP that asked is told. A new event of
        the order has it read again, and so does `orders sync`.

        Raises:
            DecisionRefused: the ledger does not know the order, or it is being worked on.
        """
        with self._database.writing() as connection:
            erase_for_good(connection)
            state = _STATE.with_for_update()
            forgettable = _forgettable(connection, account, order_id, state, act.at)
            erased = erase_orders(connection, [(account, order_id)])
            _give_up(connection, self._database.outbox, account, order_id, act.at)
            write_entries(
                connection, [JournalLine(act.at, account, order_id, FORGOTTEN, note="by a person")]
            )
            keep_act(connection, act, "orders forget", account=account, order_id=order_id)
        return Forgotten(
            erased.documents,
            erased.commands,
            forgettable.is_parked + len(forgettable.parked_commands),
        )


def erase_for_good(connection: sa.Connection) -> None:
    """Overwrite what is deleted in an SQLite file too; PostgreSQL's VACUUM does so later."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON")


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
    """Erase commands' bodies; return the order of each."""
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
    """Lock and return the orders among these that are at their end with all their commands."""
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
    """Return the condition for finished commands, such as refused ones, of unknown orders."""
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
    """Return the condition for rows of orders; the two plain parts are for indices."""
    return sa.and_(
        table.c.account.in_({account for account, _ in keys}),
        table.c.order_id.in_({order_id for _, order_id in keys}),
        sa.tuple_(table.c.account, table.c.order_id).in_(keys),
    )


def _has_words(table: sa.Table) -> sa.ColumnElement[bool]:
    return sa.or_(table.c.reason.is_not(None), table.c.hint.is_not(None))


def _give_up(
    connection: sa.Connection, outbox: Outbox, account: str, order_id: str, now: datetime
) -> None:
    """Void what is parked of an order."""
    void_order(connection, outbox, account, order_id, cause=FORGOTTEN, reason=None, at=now)
    is_its = sa.and_(commands.c.account == account, commands.c.order_id == order_id)
    why = "The order was forgotten by a person."
    void_commands(connection, outbox, is_its, cause=FORGOTTEN, reason=why, at=now)
    align(connection, account, order_id, now=now)


def _forgettable(
    connection: sa.Connection,
    account: str,
    order_id: str,
    state: sa.Select[Any],
    now: datetime,
) -> Forgettable:
    state = state.where(orders.c.account == account, orders.c.order_id == order_id)
    order = connection.execute(state).one_or_none()
    rows = connection.execute(
        sa.select(commands.c.id, commands.c.standing).where(
            commands.c.account == account, commands.c.order_id == order_id
        )
    ).all()
    if order is None and not rows:
        raise DecisionRefused(
            f"The ledger knows nothing of order {order_id} of {account}, so there is nothing to "
            "forget."
        )
    at_rest = {*FINISHED, Standing.PARKED}
    is_leased = order is not None and order.lease_until is not None and order.lease_until > now
    if is_leased or (order is not None and order.standing not in at_rest):
        raise DecisionRefused(_at_work(f"Order {order_id} of {account}", account, order_id))
    for row in rows:
        if row.standing not in at_rest:
            raise DecisionRefused(_at_work(f"Command {row.id}", account, order_id))
    return Forgettable(
        is_parked=order is not None and order.standing == Standing.PARKED,
        parked_commands=[row.id for row in rows if row.standing == Standing.PARKED],
    )


def _at_work(what: str, account: str, order_id: str) -> str:
    return (
        f"{what} is being worked on, and nothing was erased. Try again when it is done or parked: "
        f"{order_command('orders show', order_id, account)}"
    )
