"""Connections to the ledger's database: SQLite with a write-ahead log, or PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError

from orders_sync.errors import ConfigurationError, LedgerUnavailable

_READING = "orders_sync_reading"
_SQLITE_BUSY_SECONDS = 30

#: Errors must not show parameters: they are orders, with all that is personal in them.
_POOL: dict[str, Any] = {"pool_size": 10, "max_overflow": 30, "hide_parameters": True}


class Database:
    """A pool of connections, and the two ways to use it: `reading` and `writing`.

    A write transaction is short and never stays open across a call to another system. On SQLite
    the threads of a process take turns before they ask for the file's one write lock, because
    its own waiting is by polling and starves some of them.
    """

    def __init__(self, url: str) -> None:
        self.engine = _create_engine(url)
        self._is_sqlite = self.engine.dialect.name == "sqlite"
        self._turn = threading.Lock() if self._is_sqlite else nullcontext()
        self._reader = self.engine.execution_options(**{_READING: True})

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
    except DBAPIError as error:
        if isinstance(error, OperationalError) or error.connection_invalidated:
            kind = type(error.orig).__name__
            raise LedgerUnavailable(
                f"The ledger's database does not answer ({kind}). Check that it runs and that "
                "ORDERS_SYNC_LEDGER_URL points to it."
            ) from error
        raise


def _create_engine(url: str) -> sa.Engine:
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return _create_sqlite_engine(parsed)
        return sa.create_engine(parsed, **_POOL, pool_pre_ping=True)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise ConfigurationError(
            f"ORDERS_SYNC_LEDGER_URL is not a database that can be opened: {_first_line(error)}. "
            "A right value: ORDERS_SYNC_LEDGER_URL=sqlite:///var/ledger.sqlite3"
        ) from None


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
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".")
