"""The ledger's database of a run, and what befalls it."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from chaos.timetable import DatabaseKind
from support.postgres import PostgresServer, find_binaries, running_postgres

from orders_sync.embedded.home import logs_folder

#: Whoever waits for longer keeps the other faults from ending.
_LOCK_SECONDS = 2.0


class NoPostgres(Exception):
    """Raised where there is no PostgreSQL to start."""


class ChaosLedger(Protocol):
    """What a run does with its ledger's database; each kind knows some of it."""

    url: str

    def locked(self) -> AbstractContextManager[None]:
        """Let nobody write for as long as the block lasts."""

    def cut(self) -> None:
        """End every connection."""

    def restart(self, mode: str) -> None:
        """Restart the server, as `fast` or `immediate` have it."""

    def keep(self, home: Path) -> None:
        """Write what it holds, and its log, into the home folder."""


class SqliteLedger:
    """A file in the home folder."""

    def __init__(self, home: Path) -> None:
        self._path = home / "ledger.sqlite3"
        self.url = f"sqlite:///{self._path}"

    def locked(self) -> AbstractContextManager[None]:
        """Hold the file's write lock."""
        return write_locked(self._path)

    def cut(self) -> None:
        """Do nothing: a file has no connections."""

    def restart(self, mode: str) -> None:
        """Do nothing: a file has no server."""

    def keep(self, home: Path) -> None:
        """Do nothing: the file is there already."""


class PostgresLedger:
    """A database of a server of its own, which crashes without losing what it has committed."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._name = server.create()
        self.url = server.url(self._name)

    def locked(self) -> AbstractContextManager[None]:
        """Do nothing: its locks are rows'."""
        return contextlib.nullcontext()

    def cut(self) -> None:
        """End every connection, also those in the middle of a transaction."""
        self._server.cut(self._name)

    def restart(self, mode: str) -> None:
        """Restart the server."""
        self._server.restart(mode)

    def keep(self, home: Path) -> None:
        """Write the server's log where it is searched, and a dump of the database beside it."""
        (logs_folder(home) / "postgresql.log").write_text(self._server.log())
        (home / "ledger.sql").write_text(self._server.dump(self._name))


@contextlib.contextmanager
def running_ledger(kind: DatabaseKind, home: Path) -> Iterator[ChaosLedger]:
    """Have a database for as long as the block lasts.

    Raises:
        NoPostgres: it cannot be had.
    """
    if kind == "sqlite":
        yield SqliteLedger(home)
    else:
        with own_server() as server:
            yield PostgresLedger(server)


@contextlib.contextmanager
def own_server() -> Iterator[PostgresServer]:
    """Run a PostgreSQL server for nobody else; what was committed outlives its crash.

    Raises:
        NoPostgres: there is none to start.
    """
    binaries = find_binaries()
    if binaries is None:
        raise NoPostgres("No PostgreSQL server was found. Install one: apt-get install postgresql")
    with running_postgres(binaries, synchronous_commit="on") as server:
        yield server


@contextlib.contextmanager
def write_locked(path: Path) -> Iterator[None]:
    """Hold the write lock of an SQLite file, unless a frozen process has it."""
    with contextlib.closing(
        sqlite3.connect(path, timeout=_LOCK_SECONDS, isolation_level=None)
    ) as connection:
        with contextlib.suppress(sqlite3.OperationalError):
            connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            connection.rollback()
