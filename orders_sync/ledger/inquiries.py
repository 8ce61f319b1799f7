"""What people ask of the ledger, and the log of what they did."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from orders_sync.domain.rules import Standing
from orders_sync.ledger.acts import Act, keep_act
from orders_sync.ledger.engine import Database
from orders_sync.ledger.tables import commands, events, journal, operator_log, orders

Row = dict[str, Any]


class Inquiries:
    """What the ledger is asked, and what it is told of people's acts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def accounts_of(self, order_id: str) -> Sequence[str]:
        """Name the accounts that know an order by this id."""
        statement = sa.select(orders.c.account).where(orders.c.order_id == order_id)
        with self._database.reading() as connection:
            return connection.execute(statement).scalars().all()

    def story(self, account: str, order_id: str) -> tuple[Row | None, Sequence[Row], Sequence[Row]]:
        """Give an order, its events and its journal, the oldest first."""
        of_order = {"account": account, "order_id": order_id}
        found = self._rows(sa.select(orders).filter_by(**of_order))
        heard = self._rows(sa.select(events).filter_by(**of_order).order_by(events.c.first_seen_at))
        happened = self._rows(sa.select(journal).filter_by(**of_order).order_by(journal.c.id))
        return (found[0] if found else None), heard, happened

    def command(self, command_id: str) -> Row | None:
        """Give one command."""
        found = self._rows(sa.select(commands).where(commands.c.id == command_id))
        return found[0] if found else None

    def standings(self, command_ids: Collection[str]) -> Mapping[str, Standing]:
        """Give the standing of each command that is there."""
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
        """Keep who did what by hand."""
        with self._database.writing() as connection:
            keep_act(connection, act, did, account=account, order_id=order_id)

    def _rows(self, statement: sa.Select[Any]) -> list[Row]:
        with self._database.reading() as connection:
            return [dict(row) for row in connection.execute(statement).mappings()]
