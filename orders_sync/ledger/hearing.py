"""When VTEX's hook was heard, beside the feed: silence of one is seen by what the other tells.

Kept in a row of `accounts` that is no chore's: `worked_at` is when the hook was heard last,
`succeeded_at` when the feed told something last, and `ran_at` when the hook was heard first since.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Final

import sqlalchemy as sa

from orders_sync.ledger.accounts import Chore
from orders_sync.ledger.engine import Database
from orders_sync.ledger.insert import insert_into
from orders_sync.ledger.tables import accounts

_HOOK: Final = "hook"

#: After a post, the feed can be read rarely for so long.
_HEARD_FOR: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Hearing:
    """What an account's hook and feed told last.

    The hook was heard at `heard_at`, and at `alone_since` for the first time since the feed told
    something (`fed_at`). The feed told at `news_at` what the hook had not told.
    """

    heard_at: datetime | None = None
    alone_since: datetime | None = None
    fed_at: datetime | None = None
    news_at: datetime | None = None

    def is_heard(self, now: datetime) -> bool:
        """Check whether the hook tells of changes nowadays, so that the feed need not hurry."""
        return self.heard_at is not None and now - self.heard_at < _HEARD_FOR

    @property
    def feed_silent_since(self) -> datetime | None:
        """Since when the hook tells what the feed does not; None where both tell."""
        if self.alone_since is None or (self.fed_at and self.fed_at >= self.alone_since):
            return None
        return self.alone_since

    @property
    def hook_silent_since(self) -> datetime | None:
        """When the hook was heard last, where the feed told news later; None where both tell."""
        if self.heard_at is None or self.news_at is None or self.news_at <= self.heard_at:
            return None
        return self.heard_at


class Hearings:
    """Notes what was heard, and tells it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note_hook(self, account: str, now: datetime) -> None:
        """Note that an account's hook was heard."""
        terms = {"of_account": account, "now": now}
        with self._database.writing() as connection:
            connection.execute(_hear(connection.dialect.name), terms)

    def note_feed(self, account: str, now: datetime) -> None:
        """Note that the feed of an account that has a hook told something."""
        with self._database.writing() as connection:
            connection.execute(_FEED, {"of_account": account, "now": now})

    def forget(self, account: str) -> None:
        """Forget an account's hook: nothing is to be heard of it any more."""
        with self._database.writing() as connection:
            connection.execute(_FORGET, {"of_account": account})

    def read(self, names: Collection[str] | None = None) -> Mapping[str, Hearing]:
        """Tell what was heard of each account whose hook ever was; None: of all of them."""
        statement = _HEARD if names is None else _HEARD.where(accounts.c.account.in_(list(names)))
        with self._database.reading() as connection:
            rows = connection.execute(statement).all()
        found = {
            row.account: Hearing(row.worked_at, row.ran_at, row.succeeded_at)
            for row in rows
            if row.chore == _HOOK
        }
        for row in rows:
            if row.chore == Chore.POLL and row.account in found:
                found[row.account] = replace(found[row.account], news_at=row.worked_at)
        return found


_NOW: Final = sa.bindparam("now", type_=accounts.c.worked_at.type)
_OF_ACCOUNT: Final = sa.bindparam("of_account", type_=accounts.c.account.type)
_HEARD: Final = sa.select(accounts).where(accounts.c.chore.in_([_HOOK, Chore.POLL.value]))
_FEED: Final = (
    sa.update(accounts)
    .where(accounts.c.account == _OF_ACCOUNT, accounts.c.chore == _HOOK)
    .values(succeeded_at=_NOW)
)
_FORGET: Final = sa.delete(accounts).where(
    accounts.c.account == _OF_ACCOUNT, accounts.c.chore == _HOOK
)


@cache
def _hear(dialect: str) -> sa.Executable:
    statement = insert_into(accounts, dialect).values(
        account=_OF_ACCOUNT, chore=_HOOK, version=0, worked_at=_NOW, ran_at=_NOW
    )
    is_told_since = accounts.c.succeeded_at >= accounts.c.ran_at
    return statement.on_conflict_do_update(
        index_elements=[accounts.c.account, accounts.c.chore],
        set_={
            "worked_at": _NOW,
            "ran_at": sa.case((is_told_since, _NOW), else_=accounts.c.ran_at),
        },
    )
