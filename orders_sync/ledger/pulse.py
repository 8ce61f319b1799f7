"""Signs of life in the ledger: when each account's feed was polled last, and the clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from orders_sync.ledger.accounts import Chore
from orders_sync.ledger.engine import Database
from orders_sync.ledger.tables import UtcDateTime, accounts


@dataclass(frozen=True, slots=True)
class LastRun:
    """When a chore last ran, and until when it rests because that failed.

    `succeeded_at` is when the last run ended that succeeded, `due_at` when the next one is due,
    and `failure` the kind of error that the last run ended with.
    """

    at: datetime
    rests_until: datetime | None = None
    succeeded_at: datetime | None = None
    due_at: datetime | None = None
    failure: str | None = None

    @property
    def alive_at(self) -> datetime:
        """When it was last seen to run as it should: one that is not due yet does."""
        return max(self.at, self.rests_until or self.at, self.due_at or self.at)


def last_runs(database: Database, chore: Chore) -> Mapping[str, LastRun]:
    """Return {account: last run} of a chore; `rests_until` and `due_at` may be past."""
    statement = sa.select(accounts).where(
        accounts.c.chore == chore.value, accounts.c.ran_at.is_not(None)
    )
    with database.reading() as connection:
        return {row.account: _last_run(row) for row in connection.execute(statement)}


def _last_run(row: sa.Row[Any]) -> LastRun:
    return LastRun(
        at=row.ran_at,
        rests_until=row.due_at if row.failure else None,
        succeeded_at=row.succeeded_at,
        due_at=row.due_at,
        failure=row.failure,
    )


def database_clock(database: Database) -> datetime | None:
    """Ask the database server for its time; None for SQLite, which has this machine's."""
    with database.reading() as connection:
        if connection.dialect.name == "sqlite":
            return None
        now = sa.func.clock_timestamp(type_=UtcDateTime())
        found: datetime = connection.execute(sa.select(now)).scalar_one()
        return found
