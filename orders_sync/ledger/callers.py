"""Services that call over HTTP: what each may do, and the digest by which its token is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from orders_sync.ledger.acts import Act, keep_act
from orders_sync.ledger.engine import Database
from orders_sync.ledger.insert import insert_into
from orders_sync.ledger.tables import callers

#: A use is noted again after so long, so that a call costs no write.
_USE_NOTED_EVERY: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Caller:
    """A token without its secret: `accounts` is None where it is for all of them."""

    id: str
    name: str
    digest: str
    scopes: frozenset[str]
    accounts: frozenset[str] | None
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    used_at: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        """Check whether it is neither revoked nor expired."""
        is_expired = self.expires_at is not None and self.expires_at <= now
        return self.revoked_at is None and not is_expired


class Callers:
    """Keeps tokens by their public part; a revoked one stays, so that its name tells of it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, caller: Caller, act: Act) -> bool:
        """Keep a token; False where its name is taken."""
        accounts = None if caller.accounts is None else " ".join(sorted(caller.accounts))
        values = {
            "id": caller.id,
            "name": caller.name,
            "digest": caller.digest,
            "scopes": " ".join(sorted(caller.scopes)),
            "accounts": accounts,
            "created_at": caller.created_at,
            "expires_at": caller.expires_at,
        }
        with self._database.writing() as connection:
            add = insert_into(callers, connection.dialect.name).values(**values)
            added = add.on_conflict_do_nothing().returning(callers.c.id)
            if connection.execute(added).first() is None:
                return False
            keep_act(connection, act, f"tokens create {caller.name}")
        return True

    def find(self, caller_id: str) -> Caller | None:
        """Return the token with a public part, whether it is valid or not."""
        with self._database.reading() as connection:
            row = connection.execute(_OF_ID, {"its_id": caller_id}).one_or_none()
        return None if row is None else _caller(row)

    def all(self) -> Sequence[Caller]:
        """Return all tokens, in the order of their names."""
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(callers).order_by(callers.c.name))
            return [_caller(row) for row in rows]

    def revoke(self, name: str, act: Act) -> bool:
        """End a token; False where none of that name is in force."""
        statement = (
            sa.update(callers)
            .where(callers.c.name == name, callers.c.revoked_at.is_(None))
            .values(revoked_at=act.at)
        )
        with self._database.writing() as connection:
            if connection.execute(statement).rowcount == 0:
                return False
            keep_act(connection, act, f"tokens revoke {name}")
        return True

    def note_use(self, caller: Caller, now: datetime) -> Caller:
        """Keep that a token was used, to the minute; returns it as it is then."""
        if caller.used_at is not None and now - caller.used_at < _USE_NOTED_EVERY:
            return caller
        statement = sa.update(callers).where(callers.c.id == caller.id).values(used_at=now)
        with self._database.writing() as connection:
            connection.execute(statement)
        return replace(caller, used_at=now)


_OF_ID: Final = sa.select(callers).where(callers.c.id == sa.bindparam("its_id"))


def _caller(row: sa.Row[tuple[object, ...]]) -> Caller:
    values = row._mapping  # noqa: SLF001 - SQLAlchemy's documented name.
    accounts = values["accounts"]
    return Caller(
        **{
            **values,
            "scopes": frozenset(values["scopes"].split()),
            "accounts": None if accounts is None else frozenset(accounts.split()),
        }
    )
