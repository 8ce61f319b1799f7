"""People who use the order desk, and their sessions: hashes and digests, never what they type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from orders_sync.ledger.acts import Act, keep_act
from orders_sync.ledger.engine import Database
from orders_sync.ledger.insert import insert_into
from orders_sync.ledger.tables import sessions, users

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
        """Give a person another password (its hash); False where there is none of that name."""
        return self._change(name, {"password": password}, act, "users passwd")

    def disable(self, name: str, act: Act) -> bool:
        """Keep a person out from this moment; False where there is none of that name."""
        return self._change(name, {"disabled_at": act.at}, act, "users disable")

    def enable(self, name: str, act: Act) -> bool:
        """Let a person in again; False where there is none of that name."""
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
