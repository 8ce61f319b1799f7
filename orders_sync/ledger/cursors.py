"""Where long work stopped, so that the next run goes on from there."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from orders_sync.ledger.engine import Database
from orders_sync.ledger.insert import insert_into
from orders_sync.ledger.tables import cursors

#: The account of what is done for all of them.
EVERY_ACCOUNT = ""


class Cursors:
    """Reads and moves named cursors of an account; a value is any text."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, account: str, name: str) -> str | None:
        """Give a cursor's value, or None where there is none."""
        statement = sa.select(cursors.c.value).where(
            cursors.c.account == account, cursors.c.name == name
        )
        with self._database.reading() as connection:
            value: str | None = connection.execute(statement).scalar_one_or_none()
        return value

    def accounts_with(self, name: str) -> Collection[str]:
        """Name the accounts that have a cursor, be it moved or not."""
        statement = sa.select(cursors.c.account).where(
            cursors.c.name == name, cursors.c.account != EVERY_ACCOUNT
        )
        with self._database.reading() as connection:
            return set(connection.execute(statement).scalars())

    def move(self, account: str, name: str, value: str | None, *, now: datetime) -> None:
        """Set a cursor; None takes its value away."""
        with self._database.writing() as connection:
            move_cursor(connection, account, name, value, now=now)


def move_cursor(
    connection: sa.Connection, account: str, name: str, value: str | None, *, now: datetime
) -> None:
    """Set a cursor inside the transaction that makes it true."""
    statement = insert_into(cursors, connection.dialect.name).values(
        account=account, name=name, value=value, version=0, updated_at=now
    )
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[cursors.c.account, cursors.c.name],
            set_={"value": value, "updated_at": now},
        )
    )
