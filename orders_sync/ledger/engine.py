"""Connections to the ledger's database: SQLite with a write-ahead log, or PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from orders_sync.database_engines import (
    STATEMENT_SECONDS,
    is_postgresql,
    postgresql_engine,
    reading_engine,
    sqlite_path,
)
from orders_sync.database_failures import origin_of, outage_of
from orders_sync.errors import ConfigurationError, LedgerUnavailable
from orders_sync.ledger.outbox import Outbox
from orders_sync.ledger.sqlite import Writer, sqlite_engine

_SETTING = "ORDERS_SYNC_LEDGER_URL"

#: PostgreSQL's codes: of a server that became a standby, whose address leads to the new primary
#: soon, and of a row that no waiting makes smaller.
#: https://www.postgresql.org/docs/current/errcodes-appendix.html
_READ_ONLY = "25006"
_TOO_LARGE = "54"

#: PostgreSQL's codes of a table and of a column that are not there.
_OTHER_TABLES: Final = frozenset({"42P01", "42703"})

#: How many connections a process may have at once; a thread needs one.
CONNECTIONS: Final = 20
_POOL_SECONDS: Final = 10


class Database:
    """A pool of connections, and the two ways to use it: `reading` and `writing`.

    A write transaction is short and never stays open across a call to another system. On SQLite
    the threads of a process take turns to write. On PostgreSQL no statement takes longer than
    `seconds`. There are at most `connections` at once, of which half wait open. A database that is
    `read_only` is looked at without a trace, and has no `writing`.

    While `closed_because` says why, the tables are not to be used, as if the database were away.
    """

    closed_because: str | None = None

    def __init__(
        self,
        url: str,
        *,
        seconds: float = STATEMENT_SECONDS,
        connections: int = CONNECTIONS,
        read_only: bool = False,
    ) -> None:
        self.engine = _create_engine(url, seconds, connections, read_only=read_only)
        #: What writes events for endpoints, inside transactions of this database.
        self.outbox = Outbox()
        self._writer: Writer | None = None
        self._reader = self.engine
        if self.engine.dialect.name == "sqlite":
            self._writer = Writer(self.engine)
        else:
            # PostgreSQL needs no transaction for a query: that would be two more round trips.
            self._reader = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def reading(self, *, though_closed: bool = False) -> Iterator[sa.Connection]:
        """Give a connection for queries.

        Raises:
            LedgerUnavailable: the database cannot be reached, or is closed.
        """
        if not though_closed:
            self._require_open()
        with _translated(), self._reader.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Give a connection inside a transaction, committed at the end and undone by an error.

        Raises:
            LedgerUnavailable: the database cannot be reached, stays locked, or is closed.
        """
        self._require_open()
        transaction = self._writer.transaction() if self._writer else self.engine.begin()
        with _translated(), transaction as connection:
            yield connection

    def close(self) -> None:
        """Give all connections back."""
        if self._writer:
            self._writer.close()
        self.engine.dispose()

    def _require_open(self) -> None:
        if self.closed_because is not None:
            raise LedgerUnavailable(self.closed_because)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except PoolTimeoutError as error:
        raise LedgerUnavailable(
            "All of this process's connections to the ledger's database are in use. Raise "
            "ORDERS_SYNC_LEDGER_CONNECTIONS to as many as a worker has threads."
        ) from error
    except DBAPIError as error:
        if error.connection_invalidated or _is_away(error):
            raise _no_answer(error) from error
        if getattr(error.orig, "sqlstate", None) in _OTHER_TABLES:
            raise LedgerUnavailable(
                "The ledger's tables are not those of this version of orders-sync: another one "
                "has upgraded them, or orders-sync db upgrade is still to be run."
            ) from error
        raise
    except sqlite3.OperationalError as error:
        raise _no_answer(error) from error


def _no_answer(error: Exception) -> LedgerUnavailable:
    outage, kind = outage_of(error), type(origin_of(error)).__name__
    return LedgerUnavailable(
        f"The ledger's database {outage.behaviour} ({kind}). {outage.remedy(_SETTING)}"
    )


def _is_away(error: DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None) or ""
    if isinstance(error, OperationalError):
        return not state.startswith(_TOO_LARGE)
    return state == _READ_ONLY


def _create_engine(url: str, seconds: float, connections: int, *, read_only: bool) -> sa.Engine:
    kept = (connections + 1) // 2
    pool: dict[str, Any] = {
        "pool_size": kept,
        "max_overflow": connections - kept,
        "pool_timeout": _POOL_SECONDS,
        # Errors must not show parameters: they are orders, with all that is personal in them.
        "hide_parameters": True,
    }
    try:
        parsed = sa.make_url(url)
    except ArgumentError:
        raise _unusable("it is no URL of a database") from None
    if parsed.drivername in {"sqlite", "sqlite+pysqlite"}:
        if parsed.host:
            raise _unusable("a file of SQLite's comes after three slashes")
        path = sqlite_path(parsed)
        if read_only and path is not None:
            return reading_engine(path)
        return sqlite_engine(parsed, **pool)
    if is_postgresql(parsed):
        return postgresql_engine(parsed, setting=_SETTING, seconds=seconds, **pool)
    raise _unusable(f"{parsed.drivername} is neither sqlite nor postgresql")


def _unusable(why: str) -> ConfigurationError:
    return ConfigurationError(
        f"{_SETTING} is not a database that the ledger can be in: {why}. Right values: "
        f"{_SETTING}=sqlite:///var/ledger.sqlite3 or "
        f"{_SETTING}=postgresql://user:password@host/database"
    )
