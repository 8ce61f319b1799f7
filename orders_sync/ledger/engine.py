"""Connections to the ledger's database: SQLite with a write-ahead log, or PostgreSQL."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from orders_sync.errors import ConfigurationError, LedgerUnavailable
from orders_sync.postgresql import STATEMENT_SECONDS, is_postgresql, postgresql_engine

_SETTING = "ORDERS_SYNC_LEDGER_URL"
_READING = "orders_sync_reading"
_SQLITE_BUSY_SECONDS = 30

#: PostgreSQL's codes: of a server that became a standby, whose address leads to the new primary
#: soon, and of a row that no waiting makes smaller.
#: https://www.postgresql.org/docs/current/errcodes-appendix.html
_READ_ONLY = "25006"
_TOO_LARGE = "54"

#: Errors must not show parameters: they are orders, with all that is personal in them.
_POOL: dict[str, Any] = {
    "pool_size": 10,
    "max_overflow": 30,
    "pool_timeout": 10,
    "hide_parameters": True,
}


class Database:
    """A pool of connections, and the two ways to use it: `reading` and `writing`.

    A write transaction is short and never stays open across a call to another system. On SQLite
    the threads of a process take turns before they ask for the file's one write lock, because
    its own waiting is by polling and starves some of them. On PostgreSQL no statement takes
    longer than `seconds`.
    """

    def __init__(self, url: str, *, seconds: float = STATEMENT_SECONDS) -> None:
        self.engine = _create_engine(url, seconds)
        is_sqlite = self.engine.dialect.name == "sqlite"
        self._turn = threading.Lock() if is_sqlite else nullcontext()
        # PostgreSQL needs no transaction for a query: that would be two more round trips.
        how = {_READING: True} if is_sqlite else {"isolation_level": "AUTOCOMMIT"}
        self._reader = self.engine.execution_options(**how)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Give a connection for queries.

        Raises:
            LedgerUnavailable: the database cannot be reached.
        """
        with _translated(), self._reader.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Give a connection inside a transaction, committed at the end and undone by an error.

        Raises:
            LedgerUnavailable: the database cannot be reached or stays locked.
        """
        with self._turn, _translated(), self.engine.begin() as connection:
            yield connection

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except PoolTimeoutError as error:
        raise LedgerUnavailable(
            "All of this process's connections to the ledger's database are in use."
        ) from error
    except DBAPIError as error:
        if error.connection_invalidated or _is_away(error):
            raise _no_answer(type(error.orig).__name__) from error
        raise
    except sqlite3.OperationalError as error:
        raise _no_answer(type(error).__name__) from error


def _no_answer(kind: str) -> LedgerUnavailable:
    return LedgerUnavailable(
        f"The ledger's database does not answer ({kind}). Check that it runs and that "
        f"{_SETTING} points to it."
    )


def _is_away(error: DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None) or ""
    if isinstance(error, OperationalError):
        return not state.startswith(_TOO_LARGE)
    return state == _READ_ONLY


def _create_engine(url: str, seconds: float) -> sa.Engine:
    try:
        parsed = sa.make_url(url)
    except ArgumentError:
        raise _unusable("it is no URL of a database") from None
    if parsed.drivername in {"sqlite", "sqlite+pysqlite"}:
        return _create_sqlite_engine(parsed)
    if is_postgresql(parsed):
        return postgresql_engine(parsed, setting=_SETTING, seconds=seconds, **_POOL)
    raise _unusable(f"{parsed.drivername} is neither sqlite nor postgresql")


def _unusable(why: str) -> ConfigurationError:
    return ConfigurationError(
        f"{_SETTING} is not a database that the ledger can be in: {why}. Right values: "
        f"{_SETTING}=sqlite:///var/ledger.sqlite3 or "
        f"{_SETTING}=postgresql://user:password@host/database"
    )


def _create_sqlite_engine(url: sa.URL) -> sa.Engine:
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(
        url,
        **_POOL,
        connect_args={"timeout": _SQLITE_BUSY_SECONDS, "check_same_thread": False},
    )

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        # The driver must not open transactions by itself: a deferred one that later writes
        # fails at once where an immediate one would wait.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        if not connection.get_execution_options().get(_READING):
            # Straight to the driver: this runs in every transaction.
            driver = connection.connection.driver_connection
            if driver is not None:
                driver.execute("BEGIN IMMEDIATE")

    return engine
