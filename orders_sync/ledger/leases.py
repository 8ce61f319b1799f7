"""Leases on work that only one process may do at a time, such as polling an account's feed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import sqlalchemy as sa

from orders_sync.domain.time import Clock
from orders_sync.ledger.engine import Database
from orders_sync.ledger.insert import insert_into
from orders_sync.ledger.tables import cursors


class Lease:
    """A lease that is held; `rest` keeps it closed to everybody for a while after its block."""

    def __init__(self, version: int) -> None:
        self.version = version
        self.rest_seconds = 0.0

    def rest(self, seconds: float) -> None:
        """Let nobody take the lease for this long, counted from the end of the block."""
        self.rest_seconds = seconds


class Leases:
    """Takes and gives back named leases of an account; an owner that died loses its by time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def held(
        self, account: str, name: str, *, owner: str, clock: Clock, seconds: float
    ) -> Iterator[Lease | None]:
        """Hold the lease for the block; gives None where another holds it.

        The holder must be done within `seconds`: after that others may take it.
        """
        lease = self._take(account, name, owner, clock(), timedelta(seconds=seconds))
        try:
            yield lease
        finally:
            if lease is not None:
                self._give_back(account, name, lease, clock())

    def _take(
        self, account: str, name: str, owner: str, now: datetime, length: timedelta
    ) -> Lease | None:
        with self._database.writing() as connection:
            statement = insert_into(cursors, connection).values(
                account=account,
                name=name,
                lease_owner=owner,
                lease_until=now + length,
                version=1,
                updated_at=now,
            )
            taken = statement.on_conflict_do_update(
                index_elements=[cursors.c.account, cursors.c.name],
                set_={
                    "lease_owner": owner,
                    "lease_until": now + length,
                    "version": cursors.c.version + 1,
                    "updated_at": now,
                },
                where=sa.or_(cursors.c.lease_until.is_(None), cursors.c.lease_until <= now),
            ).returning(cursors.c.version)
            version = connection.execute(taken).scalar_one_or_none()
        return None if version is None else Lease(version)

    def _give_back(self, account: str, name: str, lease: Lease, now: datetime) -> None:
        statement = (
            sa.update(cursors)
            .where(
                cursors.c.account == account,
                cursors.c.name == name,
                cursors.c.version == lease.version,
            )
            .values(lease_owner=None, lease_until=now + timedelta(seconds=lease.rest_seconds))
        )
        with self._database.writing() as connection:
            connection.execute(statement)
