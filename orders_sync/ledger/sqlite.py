"""An SQLite file as a ledger: with a write-ahead log, and one connection a process that writes."""

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
    system wakes who waits. The connection stays open, since opening it anew costs more than many a
    transaction.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._turn = threading.Lock()
        self._lock_file: int | None = None
        self._connection: sa.Connection | None = None

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """Give the connection inside a transaction, committed at the end and undone by an error."""
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
        """Hold the lock on the file; without one, processes wait as SQLite has them wait."""
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
