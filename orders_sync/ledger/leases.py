"""Leases on work that only one process may do at a time, such as polling an account's feed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Final

import sqlalchemy as sa

from orders_sync.domain.time import Clock
from orders_sync.errors import RetryableError, WaitError
from orders_sync.ledger.engine import Database
from orders_sync.ledger.insert import insert_into
from orders_sync.ledger.tables import cursors

#: Seconds after a failure that names no time itself.
_REST_AFTER_FAILURE = 2.0


@dataclass(slots=True)
class Lease:
    """A lease that is held; its version tells it from those that others held.

    Its holder may set `value`: the cursor has it once the block has ended without an error. It may
    `renew` the lease for as long again, which gives False where another has taken it over.
    """

    version: int
    renew: Callable[[], bool]
    value: str | None = None


class Leases:
    """Takes and gives back named leases of an account; an owner that died loses its by time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def held(
        self, account: str, name: str, *, owner: str, clock: Clock, seconds: float
    ) -> Iterator[Lease | None]:
        """Hold the lease for the block; gives None where another holds it.

        The holder must be done, or renew it, within `seconds`: after that others may take it.
        Where the block ends with an error that asks for time, nobody gets the lease before that
        has passed.
        """
        length = timedelta(seconds=seconds)
        version = self.take(account, name, owner, clock(), length)
        lease = None
        if version is not None:
            lease = Lease(version, lambda: self.renew(account, name, version, clock() + length))
        rest, value = 0.0, None
        try:
            yield lease
            value = lease.value if lease else None
        except WaitError as error:
            rest = error.seconds
            raise
        except RetryableError as error:
            rest = max(error.retry_after or 0.0, _REST_AFTER_FAILURE)
            raise
        finally:
            if lease is not None:
                free_at = clock() + timedelta(seconds=rest)
                self._give_back(account, name, lease, free_at, value)

    def take(
        self, account: str, name: str, owner: str, now: datetime, length: timedelta
    ) -> int | None:
        """Take a lease that is free and return its version; None where another holds it."""
        row = {
            "account": account,
            "name": name,
            "lease_owner": owner,
            "lease_until": now + length,
            "version": 1,
            "updated_at": now,
        }
        with self._database.writing() as connection:
            statement = _take(connection.dialect.name)
            version: int | None = connection.execute(statement, row).scalar_one_or_none()
        return version

    def renew(self, account: str, name: str, version: int, until: datetime) -> bool:
        """Renew a lease; False where another has taken it over."""
        terms = _held(account, name, version) | {"lease_until": until}
        with self._database.writing() as connection:
            return connection.execute(_WRITE, terms).rowcount > 0

    def _give_back(
        self, account: str, name: str, lease: Lease, free_at: datetime, value: str | None
    ) -> None:
        changes: dict[str, object] = {"lease_owner": None, "lease_until": free_at}
        if value is not None:
            changes["value"] = value
        with self._database.writing() as connection:
            connection.execute(_WRITE, _held(account, name, lease.version) | changes)


_WRITE: Final = sa.update(cursors).where(
    cursors.c.account == sa.bindparam("of_account"),
    cursors.c.name == sa.bindparam("of_name"),
    cursors.c.version == sa.bindparam("of_version"),
)


def _held(account: str, name: str, version: int) -> dict[str, object]:
    return {"of_account": account, "of_name": name, "of_version": version}


@cache
def _take(dialect: str) -> sa.Executable:
    insert = insert_into(cursors, dialect)
    new = insert.excluded
    return insert.on_conflict_do_update(
        index_elements=[cursors.c.account, cursors.c.name],
        set_={
            "lease_owner": new.lease_owner,
            "lease_until": new.lease_until,
            "version": cursors.c.version + 1,
            "updated_at": new.updated_at,
        },
        where=sa.or_(cursors.c.lease_until.is_(None), cursors.c.lease_until <= new.updated_at),
    ).returning(cursors.c.version)
