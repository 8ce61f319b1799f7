"""Signs of life in the ledger: when each account's feed was polled last, and the clock."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from orders_sync.ledger.engine import Database
from orders_sync.ledger.tables import UtcDateTime, cursors


def last_taken(database: Database, lease_name: str) -> Mapping[str, datetime]:
    """Tell for each account when a lease was last taken, or until when it rests after a failure."""
    statement = sa.select(cursors.c.account, cursors.c.updated_at, cursors.c.lease_until).where(
        cursors.c.name == lease_name
    )
    with database.reading() as connection:
        return {
            row.account: max(row.updated_at, row.lease_until or row.updated_at)
            for row in connection.execute(statement)
        }


def database_clock(database: Database) -> datetime | None:
    """Ask the database server for its time; None for SQLite, which has this machine's."""
    with database.reading() as connection:
        if connection.dialect.name == "sqlite":
            return None
        now = sa.func.clock_timestamp(type_=UtcDateTime())
        found: datetime = connection.execute(sa.select(now)).scalar_one()
        return found
