"""Who may use the order desk and the API: people with their sessions, services with their tokens.

The ledger has hashes and digests of passwords and tokens, never these themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from orders_sync.ledger.engine import Database
from orders_sync.ledger.journal import Act, keep_act
from orders_sync.ledger.statements import insert_into
from orders_sync.ledger.tables import callers, sessions, users

#: A session's use is noted again after so long, so that a page costs no write.
_SEEN_EVERY: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class User:
    """A person: `accounts` is None for all of them, `language` None for the browser's."""

    name: str
    password: str
    role: str
    accounts: frozenset[str] | None
    sees_persons: bool
    created_at: datetime
    language: str | None = None
    disabled_at: datetime | None = None


class Users:
    """Keeps people by name; a change of password, or being disabled, ends all their sessions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, user: User, act: Act) -> bool:
        """Keep a person; False where the name is taken."""
        values = {
            "name": user.name,
            "password": user.password,
            "role": user.role,
            "accounts": None if user.accounts is None else " ".join(sorted(user.accounts)),
            "sees_persons": user.sees_persons,
            "created_at": user.created_at,
        }
        with self._database.writing() as connection:
            statement = insert_into(users, connection.dialect.name).values(**values)
            if connection.execute(statement.on_conflict_do_nothing()).rowcount == 0:
                return False
            keep_act(connection, act, f"users create {user.name}"[:100])
        return True

    def find(self, name: str) -> User | None:
        """Return a person, disabled or not."""
        statement = sa.select(users).where(users.c.name == name)
        with self._database.reading() as connection:
            row = connection.execute(statement).mappings().one_or_none()
        return None if row is None else _user(row)

    def all(self) -> Sequence[User]:
        """Return all people, in the order of their names."""
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(users).order_by(users.c.name)).mappings()
            return [_user(row) for row in rows]

    def set_password(self, name: str, password: str, act: Act) -> bool:
        """Set a person's password (its hash); False where there is none of that name."""
        return self._change(name, {"password": password}, act, "users passwd")

    def disable(self, name: str, act: Act) -> bool:
        """Disable a person at once; False where there is none of that name."""
        return self._change(name, {"disabled_at": act.at}, act, "users disable")

    def enable(self, name: str, act: Act) -> bool:
        """Enable a person again; False where there is none of that name."""
        return self._change(name, {"disabled_at": None}, act, "users enable")

    def set_language(self, name: str, language: str) -> None:
        """Keep the language that a person reads the desk in."""
        statement = sa.update(users).where(users.c.name == name).values(language=language)
        with self._database.writing() as connection:
            connection.execute(statement)

    def _change(self, name: str, values: dict[str, Any], act: Act, did: str) -> bool:
        statement = sa.update(users).where(users.c.name == name).values(**values)
        with self._database.writing() as connection:
            if connection.execute(statement).rowcount == 0:
                return False
            connection.execute(sa.delete(sessions).where(sessions.c.user == name))
            keep_act(connection, act, f"{did} {name}"[:100])
        return True


@dataclass(frozen=True, slots=True)
class Granted:
    """What somebody who signed in elsewhere may do, where it is no user of ours."""

    role: str
    sees_persons: bool


@dataclass(frozen=True, slots=True)
class Session:
    """Whose session is in force, and whether it began by a password of ours."""

    user: User
    is_local: bool


class Sessions:
    """Keeps who is signed in, by the digest of a token that only the browser has.

    A session ends `idle` after its last use and `longest` after its first.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def start(
        self,
        digest: str,
        user: str,
        *,
        now: datetime,
        longest: timedelta,
        is_local: bool = True,
        granted: Granted | None = None,
    ) -> None:
        """Keep a session, and forget those of all people that are past.

        `granted` is what somebody may do who is no user of ours.
        """
        with self._database.writing() as connection:
            past = sessions.c.created_at < now - longest
            connection.execute(sa.delete(sessions).where(past))
            connection.execute(
                sa.insert(sessions).values(
                    digest=digest,
                    user=user,
                    created_at=now,
                    seen_at=now,
                    provider=not is_local,
                    role=granted.role if granted else None,
                    sees_persons=granted.sees_persons if granted else None,
                )
            )

    def user_of(
        self,
        digest: str,
        *,
        now: datetime,
        idle: timedelta,
        longest: timedelta,
        is_use: bool = True,
    ) -> Session | None:
        """Return whose session is in force, and keep that it was used if that is a use."""
        in_force = sa.select(sessions).where(
            sessions.c.digest == digest,
            sessions.c.created_at >= now - longest,
            sessions.c.seen_at >= now - idle,
        )
        with self._database.reading() as connection:
            row = connection.execute(in_force).mappings().one_or_none()
            if row is None:
                return None
            of_name = sa.select(users).where(users.c.name == row["user"])
            known = connection.execute(of_name).mappings().one_or_none()
        user = _user(known) if known is not None else _granted(row)
        if user is None or user.disabled_at is not None:
            return None
        if is_use and now - row["seen_at"] >= _SEEN_EVERY:
            seen = sa.update(sessions).where(sessions.c.digest == digest).values(seen_at=now)
            with self._database.writing() as connection:
                connection.execute(seen)
        return Session(user, is_local=not row["provider"])

    def end(self, digest: str) -> None:
        """End a session, if there is one."""
        with self._database.writing() as connection:
            connection.execute(sa.delete(sessions).where(sessions.c.digest == digest))


def _granted(session: Any) -> User | None:
    """Return somebody of whom the ledger has no more than a session; None where that is of a user.

    Such a user is gone.
    """
    if session["role"] is None:
        return None
    return User(
        name=session["user"],
        password="",
        role=session["role"],
        accounts=None,
        sees_persons=bool(session["sees_persons"]),
        created_at=session["created_at"],
    )


def _user(row: Any) -> User:
    accounts = row["accounts"]
    return User(**{**row, "accounts": None if accounts is None else frozenset(accounts.split())})


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
        """Write that a token was used, to the minute; return it with that time."""
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
