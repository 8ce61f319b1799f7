"""Accounts that the ledger keeps, which of all are disabled, and their ERPs' tokens, encrypted.

Every change of an account has the next number. A change locks the row of the number until the end
of its transaction, so numbers are seen in their order, and what changed is found by the last one
seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from orders_sync.domain.rules import UNFINISHED
from orders_sync.ledger.accounts import Chore, wake
from orders_sync.ledger.cursors import EVERY_ACCOUNT
from orders_sync.ledger.engine import Database
from orders_sync.ledger.journal import Act, keep_act
from orders_sync.ledger.statements import insert_into
from orders_sync.ledger.tables import account_settings, commands, cursors, erp_tokens, orders

#: The cursor whose version is the number of the last change.
_REVISION: Final = "account_settings"

#: What waits of an account until its work goes on.
_WOKEN: Final = (
    Chore.POLL,
    Chore.PULL,
    Chore.ACKNOWLEDGE,
    Chore.WATCH_FEED,
    Chore.RECONCILE,
)


@dataclass(frozen=True, slots=True)
class KeptAccount:
    """What the ledger has of an account; `settings` is None where only its being disabled is.

    `settings` is JSON, `secrets` the rest of that, encrypted.
    """

    account: str
    settings: str | None = field(default=None, repr=False)
    secrets: str | None = field(default=None, repr=False)
    disabled_at: datetime | None = None
    revision: int = 0

    @classmethod
    def from_row(cls, row: sa.Row[Any]) -> KeptAccount:
        """Return what a row says."""
        return cls(row.account, row.settings, row.secrets, row.disabled_at, row.revision)


class KeptAccounts:
    """Keeps accounts; what people do with them is in the operator's log."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def changed_since(self, revision: int) -> Sequence[KeptAccount]:
        """Return the accounts that changed with this number or later, in that order.

        The last change that was seen is among them, unless the ledger is an earlier one's copy.
        """
        with self._database.reading() as connection:
            rows = connection.execute(_CHANGED, {"since": revision})
            return [KeptAccount.from_row(row) for row in rows]

    def find(self, account: str) -> KeptAccount | None:
        """Return what is kept of an account."""
        with self._database.reading() as connection:
            row = connection.execute(_OF_ACCOUNT, {"of_account": account}).one_or_none()
        return None if row is None else KeptAccount.from_row(row)

    def keep(self, account: KeptAccount, act: Act, did: str) -> bool:
        """Keep an account's settings; False where others changed them since they were read.

        One that is new has the number 0. It stays disabled where it is.
        """
        changes = {"settings": account.settings, "secrets": account.secrets}
        return self._change(account.account, act, did, changes, seen=account.revision)

    def disable(self, account: str, act: Act) -> bool:
        """Stop the account's work; False where it is stopped."""
        return self._change(account, act, "disable", {"disabled_at": act.at})

    def enable(self, account: str, act: Act) -> bool:
        """Resume the account's work, and ask feed and ERP at once; False where it is enabled."""
        return self._change(account, act, "enable", {"disabled_at": None})

    def remove(self, account: str, act: Act) -> bool:
        """Forget an account; False where it is not kept, or has work that is not at its end."""
        nothing = {"settings": None, "secrets": None, "disabled_at": None}
        return self._change(account, act, "remove", nothing)

    def renew(self, change: Callable[[str], str], act: Act) -> int:
        """Replace all encrypted secrets by what `change` returns; return of how many accounts."""
        with self._database.writing() as connection:
            revision = _next_revision(connection, act.at)
            kept = connection.execute(
                sa.select(account_settings).where(account_settings.c.secrets.is_not(None))
            ).all()
            for row in kept:
                connection.execute(
                    sa.update(account_settings)
                    .where(account_settings.c.account == row.account)
                    .values(secrets=change(row.secrets), revision=revision)
                )
            keep_act(connection, act, "accounts reencrypt")
        return len(kept)

    def _change(
        self,
        account: str,
        act: Act,
        did: str,
        changes: dict[str, Any],
        *,
        seen: int | None = None,
    ) -> bool:
        with self._database.writing() as connection:
            # First of all: who has the number has all accounts.
            revision = _next_revision(connection, act.at)
            row = connection.execute(_OF_ACCOUNT, {"of_account": account}).one_or_none()
            before = KeptAccount(account) if row is None else KeptAccount.from_row(row)
            if not _may_change(connection, before, did, seen):
                return False
            values = {"revision": revision, "updated_at": act.at, **changes}
            insert = insert_into(account_settings, connection.dialect.name)
            connection.execute(
                insert.values(account=account, **values).on_conflict_do_update(
                    index_elements=[account_settings.c.account], set_=values
                )
            )
            is_back = before.revision and before.settings is None and "settings" in changes
            if did == "enable" or (is_back and did != "remove"):
                for chore in _WOKEN:
                    wake(connection, account, chore, act.at)
            keep_act(connection, act, f"accounts {did}", account=account)
        return True


def _may_change(connection: sa.Connection, before: KeptAccount, did: str, seen: int | None) -> bool:
    if seen is not None:
        return before.revision == seen
    if did == "remove":
        return before.settings is not None and not unfinished(connection, before.account)
    return (before.disabled_at is None) == (did == "disable")


def unfinished(connection: sa.Connection, account: str) -> int:
    """Count the orders and commands of an account that are not at their end."""
    return sum(
        connection.execute(
            sa.select(sa.func.count())
            .select_from(table)
            .where(table.c.account == account, table.c.standing.in_(UNFINISHED))
        ).scalar_one()
        for table in (orders, commands)
    )


def _next_revision(connection: sa.Connection, now: datetime) -> int:
    insert = insert_into(cursors, connection.dialect.name).values(
        account=EVERY_ACCOUNT, name=_REVISION, version=1, updated_at=now
    )
    number: int = connection.execute(
        insert.on_conflict_do_update(
            index_elements=[cursors.c.account, cursors.c.name],
            set_={"version": cursors.c.version + 1, "updated_at": now},
        ).returning(cursors.c.version)
    ).scalar_one()
    return number


_OF_ACCOUNT: Final = sa.select(account_settings).where(
    account_settings.c.account == sa.bindparam("of_account")
)
_CHANGED: Final = (
    sa.select(account_settings)
    .where(account_settings.c.revision >= sa.bindparam("since"))
    .order_by(account_settings.c.revision)
)


@dataclass(frozen=True, slots=True)
class KeptTokens:
    """An account's tokens.

    While `refreshing_since` is set, a process uses the refresh token, and nobody else may. The ERP
    refused it at `refused_at`.
    """

    account: str
    tokens: str = field(repr=False)
    version: int
    updated_at: datetime
    refreshing_since: datetime | None = None
    refreshing_by: str | None = None
    refused_at: datetime | None = None

    @classmethod
    def from_row(cls, row: sa.Row[Any]) -> KeptTokens:
        """Return what a row says."""
        return cls(**row._mapping)  # noqa: SLF001 - SQLAlchemy's documented name.


class ErpTokens:
    """Keeps tokens under a version, by which the process that renews them is told from others."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, account: str) -> KeptTokens | None:
        """Return an account's tokens."""
        with self._database.reading() as connection:
            row = connection.execute(_TOKENS_OF, {"of_account": account}).one_or_none()
        return None if row is None else KeptTokens.from_row(row)

    def all(self) -> Sequence[KeptTokens]:
        """Return the tokens of all accounts."""
        with self._database.reading() as connection:
            return [KeptTokens.from_row(row) for row in connection.execute(sa.select(erp_tokens))]

    def begin(self, kept: KeptTokens, *, process: str, now: datetime) -> int | None:
        """Begin to renew tokens that are as they were read; None where another does, or did."""
        changes = {"refreshing_since": now, "refreshing_by": process}
        is_free = erp_tokens.c.refreshing_since.is_(None)
        return self._write(kept.account, kept.version, changes, is_free)

    def keep(self, account: str, version: int, tokens: str, *, now: datetime) -> bool:
        """Keep what took the place of the tokens; False where a person gave others meanwhile."""
        changes = {"tokens": tokens, "updated_at": now, **_FREE}
        return self._write(account, version, changes) is not None

    def release(self, account: str, version: int) -> None:
        """Release tokens that were not renewed; others may renew them."""
        self._write(account, version, _FREE)

    def refuse(self, account: str, version: int, *, now: datetime) -> None:
        """Write that the ERP refused the refresh token."""
        self._write(account, version, {**_FREE, "refused_at": now})

    def give(self, account: str, tokens: str, act: Act) -> None:
        """Keep what a person gives, in place of whatever there is."""
        values = {"tokens": tokens, "updated_at": act.at, **_FREE}
        with self._database.writing() as connection:
            insert = insert_into(erp_tokens, connection.dialect.name)
            connection.execute(
                insert.values(account=account, version=1, **values).on_conflict_do_update(
                    index_elements=[erp_tokens.c.account],
                    set_={**values, "version": erp_tokens.c.version + 1},
                )
            )
            keep_act(connection, act, "accounts token", account=account)

    def retry(self, account: str, act: Act) -> bool:
        """Make kept tokens renewable again, as a person says; False where there are none."""
        with self._database.writing() as connection:
            statement = sa.update(erp_tokens).where(erp_tokens.c.account == account)
            changed = connection.execute(
                statement.values(version=erp_tokens.c.version + 1, **_FREE)
            )
            keep_act(connection, act, "accounts token --retry", account=account)
        return changed.rowcount > 0

    def renew(self, change: Callable[[str], str], act: Act) -> int:
        """Replace all encrypted tokens by what `change` returns; return of how many accounts."""
        with self._database.writing() as connection:
            # Tokens that are renewed in the ERP meanwhile wait for this, and then replace it.
            rows = connection.execute(
                sa.select(erp_tokens).order_by(erp_tokens.c.account).with_for_update()
            ).all()
            for row in rows:
                connection.execute(
                    sa.update(erp_tokens)
                    .where(erp_tokens.c.account == row.account)
                    .values(tokens=change(row.tokens))
                )
            keep_act(connection, act, "tokens of ERPs encrypted anew")
        return len(rows)

    def _write(
        self,
        account: str,
        version: int,
        changes: dict[str, Any],
        *conditions: sa.ColumnElement[bool],
    ) -> int | None:
        statement = sa.update(erp_tokens).where(
            erp_tokens.c.account == account, erp_tokens.c.version == version, *conditions
        )
        with self._database.writing() as connection:
            done = connection.execute(statement.values(version=version + 1, **changes))
        return version + 1 if done.rowcount else None


_TOKENS_OF: Final = sa.select(erp_tokens).where(erp_tokens.c.account == sa.bindparam("of_account"))
_FREE: Final[dict[str, Any]] = {
    "refreshing_since": None,
    "refreshing_by": None,
    "refused_at": None,
}
