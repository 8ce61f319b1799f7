"""Accounts that are kept in the ledger, and which of all accounts are disabled.

Every change has the next number. Whoever makes one holds the row of the number until the end of its
transaction, so numbers are seen in their order, and what changed is found by the last one seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from orders_sync.domain.rules import UNFINISHED
from orders_sync.ledger.accounts import Chore, wake
from orders_sync.ledger.acts import Act, keep_act
from orders_sync.ledger.cursors import EVERY_ACCOUNT
from orders_sync.ledger.engine import Database
from orders_sync.ledger.insert import insert_into
from orders_sync.ledger.tables import account_settings, commands, cursors, orders

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
        """Have the account's work wait; False where it does."""
        return self._change(account, act, "disable", {"disabled_at": act.at})

    def enable(self, account: str, act: Act) -> bool:
        """Have the account's work go on, and its feed and ERP asked now; False where it does."""
        return self._change(account, act, "enable", {"disabled_at": None})

    def remove(self, account: str, act: Act) -> bool:
        """Forget an account; False where it is not kept, or has work that is not at its end."""
        nothing = {"settings": None, "secrets": None, "disabled_at": None}
        return self._change(account, act, "remove", nothing)

    def renew(self, change: Callable[[str], str], act: Act) -> int:
        """Have all secrets encrypted anew; return of how many accounts."""
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
            # First of all: whoever has the number has all accounts.
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
