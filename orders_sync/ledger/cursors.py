"""Cursors of an account: where long work stopped, and leases on what one process does at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Final

import sqlalchemy as sa

from orders_sync.domain.time import Clock
from orders_sync.errors import RetryableError, WaitError
from orders_sync.ledger.engine import Database
from orders_sync.ledger.statements import insert_into
from orders_sync.ledger.tables import cursors

#: The account of what is done for all of them.
EVERY_ACCOUNT = ""


class Cursors:
    """Reads and moves named cursors of an account; a value is any text."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, account: str, name: str) -> str | None:
        """Return a cursor's value, or None where there is none."""
        statement = sa.select(cursors.c.value).where(
            cursors.c.account == account, cursors.c.name == name
        )
        with self._database.reading() as connection:
            value: str | None = connection.execute(statement).scalar_one_or_none()
        return value

    def accounts_with(self, name: str) -> Collection[str]:
        """Return the accounts that have a cursor, moved or not."""
        statement = sa.select(cursors.c.account).where(
            cursors.c.name == name, cursors.c.account != EVERY_ACCOUNT
        )
        with self._database.reading() as connection:
            return set(connection.execute(statement).scalars())

    def move(self, account: str, name: str, value: str | None, *, now: datetime) -> None:
        """Set a cursor; None clears it."""
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


#: Seconds after a failure that names no time itself.
_REST_AFTER_FAILURE = 2.0


@dataclass(slots=True)
class Lease:
    """A lease that is held; its version tells it from those that others held.

    Its holder may set `value`: the cursor has it once the block has ended without an error. It may
    `renew` the lease for as long again, which returns False where another has taken it over.
    """

    version: int
    renew: Callable[[], bool]
    value: str | None = None


class Leases:
    """Takes and releases named leases of an account; those of a dead owner end in time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def held(
        self, account: str, name: str, *, owner: str, clock: Clock, seconds: float
    ) -> Iterator[Lease | None]:
        """Take the lease for the block; yield None where another process has it.

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
                self._release(account, name, lease, free_at, value)

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

    def _release(
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
