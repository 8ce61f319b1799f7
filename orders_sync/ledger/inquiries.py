"""Looks single orders and commands up, by any of their names, with what happened to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from orders_sync.commands.acceptance import LONGEST, storable
from orders_sync.domain.invoice_number import to_vtex_number
from orders_sync.domain.rules import Standing
from orders_sync.ledger.engine import Database
from orders_sync.ledger.journal import Act, keep_act
from orders_sync.ledger.statements import Row
from orders_sync.ledger.tables import commands, events, journal, operator_log, orders


class Inquiries:
    """Looks up orders and commands, and what people did about them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find_named(
        self, text: str, accounts: Collection[str] | None, *, limit: int = 50
    ) -> Sequence[Named]:
        """Return the orders that somebody may mean, of accounts or of all.

        By VTEX's id (with or without the seller's number), its sequence, the marketplace's id, the
        ERP's reference, the id of a command, and the number of an invoice or of a package.
        """
        name = storable(text.strip())[: LONGEST["order_id"]]
        if not name:
            return []
        of_purchase = [f"{name}-{number:02d}" for number in range(1, _SUBORDERS + 1)]
        ways: list[tuple[str, sa.Table, sa.ColumnElement[bool]]] = [
            ("order", orders, orders.c.order_id.in_([name, *of_purchase])),
            ("order", commands, commands.c.order_id == name),
            ("sequence", orders, orders.c.sequence == name),
            ("marketplace", orders, orders.c.marketplace_order_id == name),
            ("erp", orders, orders.c.erp_reference == name),
            ("command", commands, commands.c.id == name),
            ("invoice", commands, commands.c.vtex_number.in_({name, to_vtex_number(name)})),
            ("tracking", commands, commands.c.tracking_number.in_({name, name.upper()})),
        ]
        hits: dict[tuple[str, str], str] = {}
        with self._database.reading() as connection:
            for by, table, condition in ways:
                statement = _orders_of(table).where(condition).limit(limit)
                if accounts is not None:
                    statement = statement.where(table.c.account.in_(accounts))
                for row in connection.execute(statement):
                    hits.setdefault((row.account, row.order_id), by)
        return [Named(*key, by) for key, by in list(hits.items())[:limit] if key[1]]

    def accounts_of(self, order_id: str) -> Sequence[str]:
        """Return the accounts that have an order of this id."""
        statement = sa.select(orders.c.account).where(orders.c.order_id == order_id)
        with self._database.reading() as connection:
            return connection.execute(statement).scalars().all()

    def story(self, account: str, order_id: str) -> tuple[Row | None, Sequence[Row], Sequence[Row]]:
        """Return an order, its events and its journal, the oldest first."""
        of_order = {"account": account, "order_id": order_id}
        order = self._rows(sa.select(orders).filter_by(**of_order))
        received = self._rows(
            sa.select(events).filter_by(**of_order).order_by(events.c.first_seen_at)
        )
        entries = self._rows(sa.select(journal).filter_by(**of_order).order_by(journal.c.id))
        return (order[0] if order else None), received, entries

    def command(self, command_id: str) -> Row | None:
        """Return a command."""
        rows = self._rows(sa.select(commands).where(commands.c.id == command_id))
        return rows[0] if rows else None

    def standings(self, command_ids: Collection[str]) -> Mapping[str, Standing]:
        """Return the standing of each command that is there."""
        statement = sa.select(commands.c.id, commands.c.standing).where(
            commands.c.id.in_(command_ids)
        )
        with self._database.reading() as connection:
            return {row.id: Standing(row.standing) for row in connection.execute(statement)}

    def list_commands(
        self,
        *,
        account: str | None = None,
        order_id: str | None = None,
        standing: Standing | None = None,
        cause: str | None = None,
        limit: int = 50,
    ) -> Sequence[Row]:
        """List commands, the latest changed first."""
        statement = sa.select(commands).order_by(commands.c.updated_at.desc()).limit(limit)
        for column, value in (
            (commands.c.account, account),
            (commands.c.order_id, order_id),
            (commands.c.standing, standing),
            (commands.c.cause, cause),
        ):
            if value is not None:
                statement = statement.where(column == value)
        return self._rows(statement)

    def parked_events(self, *, limit: int = 50) -> Sequence[Row]:
        """List items of the feed that could not be read, the latest first."""
        statement = (
            sa.select(events)
            .where(events.c.problem.is_not(None))
            .order_by(events.c.first_seen_at.desc())
            .limit(limit)
        )
        return self._rows(statement)

    def acts(self, account: str, order_id: str) -> Sequence[Row]:
        """List what people did about an order, the oldest first."""
        return self._rows(
            sa.select(operator_log)
            .filter_by(account=account, order_id=order_id)
            .order_by(operator_log.c.id)
        )

    def log_act(self, act: Act, *, did: str, account: str, order_id: str | None) -> None:
        """Write what a person did into the operator's log."""
        with self._database.writing() as connection:
            keep_act(connection, act, did, account=account, order_id=order_id)

    def knows_account(self, account: str) -> bool:
        """Check whether the ledger has any order of an account."""
        statement = sa.select(orders.c.order_id).where(orders.c.account == account).limit(1)
        with self._database.reading() as connection:
            return connection.execute(statement).first() is not None

    def suborders(self, accounts: Sequence[str], order_group: str) -> Sequence[tuple[str, str]]:
        """Return the orders of a purchase as (account, order id), by its number."""
        ids = [f"{order_group}-{number:02d}" for number in range(1, _SUBORDERS + 1)]
        statement = (
            sa.select(orders.c.account, orders.c.order_id)
            .where(orders.c.account.in_(accounts), orders.c.order_id.in_(ids))
            .order_by(orders.c.order_id)
        )
        with self._database.reading() as connection:
            return [(row.account, row.order_id) for row in connection.execute(statement)]

    def _rows(self, statement: sa.Select[Any]) -> list[Row]:
        with self._database.reading() as connection:
            return [dict(row) for row in connection.execute(statement).mappings()]


#: VTEX numbers the orders of one purchase from 01; few purchases have more sellers than this.
_SUBORDERS: Final = 9


@dataclass(frozen=True, slots=True)
class Named:
    """An order, and by which of its names somebody means it."""

    account: str
    order_id: str
    by: str


def _orders_of(table: sa.Table) -> sa.Select[Any]:
    return sa.select(table.c.account, table.c.order_id)
