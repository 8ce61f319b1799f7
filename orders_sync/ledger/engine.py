"""Connections to the ledger's database: an SQLite file with a write-ahead log, or PostgreSQL."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
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
        """Open a connection for queries.

        Raises:
            LedgerUnavailable: the database cannot be reached, or is closed.
        """
        if not though_closed:
            self._require_open()
        with _translated(), self._reader.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Open a transaction, committed at the end and undone by an error.

        Raises:
            LedgerUnavailable: the database cannot be reached, stays locked, or is closed.
        """
        self._require_open()
        transaction = self._writer.transaction() if self._writer else self.engine.begin()
        with _translated(), transaction as connection:
            yield connection

    def close(self) -> None:
        """Close all connections."""
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


_BUSY_SECONDS: Final = 30
_BUSY_PAUSE: Final = 0.02


def sqlite_engine(url: sa.URL, **pool: Any) -> sa.Engine:
    """Make an engine; its folder is made where it is missing."""
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(
        url, **pool, connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False}
    )

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        # The driver must not open transactions by itself: a deferred one that later writes
        # fails at once where an immediate one would wait.
        connection.isolation_level = None
        _write_ahead(connection)
        connection.execute("PRAGMA synchronous=NORMAL")
        # Pages that change with every step reach the file once instead of many times.
        connection.execute("PRAGMA wal_autocheckpoint=4000")
        connection.execute("PRAGMA foreign_keys=ON")
        # What is deleted or replaced leaves nothing in pages that are free.
        connection.execute("PRAGMA secure_delete=ON")

    return engine


def _write_ahead(connection: Any) -> None:
    """Turn the write-ahead log on; it stays on for the file.

    Of connections that open a new file together, SQLite fails all but one at once, whatever
    their time-out: https://www.sqlite.org/c3ref/busy_handler.html
    """
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_BUSY_PAUSE)
        else:
            return


class Writer:
    """The connection with which this process writes; its threads take turns.

    SQLite has one write lock, and waits for it by polling, which starves some: threads, and whole
    processes beside a busy one. So a process first locks a file beside the database, for which the
    system wakes who waits. The connection stays open, since to open one costs more than many a
    transaction.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._turn = threading.Lock()
        self._lock_file: int | None = None
        self._connection: sa.Connection | None = None

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """Open a transaction, committed at the end and undone by an error."""
        with self._turn, self._file_locked():
            connection = self._connection or self._engine.connect()
            self._connection = None
            driver: Any = connection.connection.driver_connection
            try:
                with connection.begin():
                    # The driver begins nothing by itself.
                    driver.execute("BEGIN IMMEDIATE")
                    yield connection
            except BaseException:
                connection.close()
                raise
            self._connection = connection

    @contextmanager
    def _file_locked(self) -> Iterator[None]:
        """Lock the file; without one, processes wait as SQLite has them wait."""
        if self._lock_file is None:
            self._lock_file = _open_beside(self._engine.url.database)
        if self._lock_file is None:
            yield
            return
        fcntl.flock(self._lock_file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._lock_file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the connection and the file."""
        with self._turn:
            if self._lock_file is not None:
                os.close(self._lock_file)
                self._lock_file = None
            if self._connection is not None:
                self._connection.close()
                self._connection = None


def _open_beside(database: str | None) -> int | None:
    """Open a file beside a database to lock; None where there can be none."""
    if not database or database == ":memory:":
        return None
    try:
        return os.open(f"{database}-lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return None
