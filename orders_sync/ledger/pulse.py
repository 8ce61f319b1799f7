"""Signs of life in the ledger: when each account's feed was polled last, and the clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from orders_sync.ledger.engine import Database
from orders_sync.ledger.tables import UtcDateTime, cursors


@dataclass(frozen=True, slots=True)
class Turn:
    """When a lease was last taken, and until when it rests because that failed."""

    at: datetime
    rests_until: datetime | None


def last_turns(database: Database, lease_name: str) -> Mapping[str, Turn]:
    """Tell for each account how the last holder of a lease fared; `rests_until` may be past."""
    statement = sa.select(
        cursors.c.account, cursors.c.updated_at, cursors.c.lease_until, cursors.c.lease_owner
    ).where(cursors.c.name == lease_name)
    with database.reading() as connection:
        return {
            row.account: Turn(row.updated_at, None if row.lease_owner else row.lease_until)
            for row in connection.execute(statement)
        }


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
