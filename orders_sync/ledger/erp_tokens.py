"""Tokens of ERPs, encrypted: renewed by one process at a time, and never forgotten half-way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from orders_sync.ledger.acts import Act, keep_act
from orders_sync.ledger.engine import Database
from orders_sync.ledger.insert import insert_into
from orders_sync.ledger.tables import erp_tokens


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
    """Keeps tokens under a version, by which whoever renews them is told from others."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, account: str) -> KeptTokens | None:
        """Return an account's tokens."""
        with self._database.reading() as connection:
            row = connection.execute(_OF_ACCOUNT, {"of_account": account}).one_or_none()
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
        """Let others renew the tokens: they are as they were."""
        self._write(account, version, _FREE)

    def refuse(self, account: str, version: int, *, now: datetime) -> None:
        """Note that the ERP refused the refresh token."""
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
        """Have the tokens renewed that are kept, as a person says; False where there are none."""
        with self._database.writing() as connection:
            statement = sa.update(erp_tokens).where(erp_tokens.c.account == account)
            changed = connection.execute(
                statement.values(version=erp_tokens.c.version + 1, **_FREE)
            )
            keep_act(connection, act, "accounts token --retry", account=account)
        return changed.rowcount > 0

    def renew(self, change: Callable[[str], str], act: Act) -> int:
        """Have all tokens encrypted anew; return of how many accounts."""
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


_OF_ACCOUNT: Final = sa.select(erp_tokens).where(erp_tokens.c.account == sa.bindparam("of_account"))
_FREE: Final[dict[str, Any]] = {
    "refreshing_since": None,
    "refreshing_by": None,
    "refused_at": None,
}
