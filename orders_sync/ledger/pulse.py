"""Signs of life in the ledger: when each account's feed was polled last, and the clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from orders_sync.ledger.engine import Database
from orders_sync.ledger.tables import UtcDateTime, cursors

#: The lease that polls of an account's feed hold while they run.
FEED_POLL: Final = "feed.poll"


@dataclass(frozen=True, slots=True)
class Turn:
    """When a lease was last taken, and until when it rests because that failed.

    `succeeded_at` is what the last holder that succeeded left, where it leaves a time.
    """

    at: datetime
    rests_until: datetime | None
    succeeded_at: datetime | None = None

    @property
    def alive_at(self) -> datetime:
        """When there was a sign of life: one that rests is about to be taken again."""
        return max(self.at, self.rests_until or self.at)


def last_turns(database: Database, lease_name: str) -> Mapping[str, Turn]:
    """Tell for each account how the last holder of a lease fared; `rests_until` may be past."""
    statement = sa.select(cursors).where(cursors.c.name == lease_name)
    with database.reading() as connection:
        return {row.account: _turn(row) for row in connection.execute(statement)}


def last_taken(database: Database, lease_name: str) -> Mapping[str, datetime]:
    """Tell for each account when a lease was last taken, or until when it rests after a failure."""
    turns = last_turns(database, lease_name)
    return {account: turn.alive_at for account, turn in turns.items()}


def _turn(row: sa.Row[Any]) -> Turn:
    return Turn(
        at=row.updated_at,
        rests_until=None if row.lease_owner else row.lease_until,
        succeeded_at=datetime.fromisoformat(row.value) if row.value else None,
    )


def database_clock(database: Database) -> datetime | None:
    """Ask the database server for its time; None for SQLite, which has this machine's."""
    with database.reading() as connection:
        if connection.dialect.name == "sqlite":
            return None
        now = sa.func.clock_timestamp(type_=UtcDateTime())
        found: datetime = connection.execute(sa.select(now)).scalar_one()
        return found
