"""Parts of statements: inserts that may meet a row, locks in one order, words written out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

#: A row, or some of its columns, by name.
Row = dict[str, Any]

#: How far apart two processes may take the ledger's clock to be.
CLOCKS_DIFFER: Final = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Taker:
    """The process that takes what is due, the time by its clock, and until when it has it."""

    owner: str
    now: datetime
    until: datetime

    @property
    def terms(self) -> Row:
        """The parameters that it is to a statement."""
        due_by = self.now + CLOCKS_DIFFER
        return {"owner": self.owner, "now": self.now, "until": self.until, "due_by": due_by}


def insert_into(table: sa.Table, dialect: str) -> postgresql.Insert | sqlite.Insert:
    """Return an insert that has `on_conflict_do_nothing` and `on_conflict_do_update`."""
    if dialect == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def lock(
    connection: sa.Connection, rows: sa.Select[Any], terms: Mapping[str, Any] | None = None
) -> None:
    """Lock rows in the order of the query, so that all who write them lock them in one order.

    SQLite has one writer at a time, who waits for nobody, so nothing is asked of it.
    """
    if connection.dialect.name != "sqlite":
        connection.execute(rows, terms)


def is_among(column: sa.Column[str], words: Iterable[str]) -> sa.ColumnElement[bool]:
    """Return the condition that a column holds one of our own words, which stand in the statement.

    A list of parameters would have the statement written again each time that it is run.
    """
    return column.in_([sa.literal_column(f"'{word}'") for word in words])
