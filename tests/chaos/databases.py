"""The databases of a run, of its ledger and of its ERPs, and what befalls them."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from typing import Final, Protocol

import psycopg
from chaos.timetable import DatabaseKind
from sqlalchemy import Engine, text
from support.postgres import PostgresServer, find_binaries, running_postgres

from orders_sync.demo.played_staging import open_as_erp
from orders_sync.demo.records import ErpOrder
from orders_sync.embedded.home import logs_folder
from orders_sync.erp.staging_schema import create_tables

#: Whoever waits for longer keeps the other faults from ending.
_LOCK_SECONDS = 2.0

#: The adapter writes `placed_at` by its worker's clock, which may be wrong; this one is the ERP's.
_SQLITE_CLOCK: Final = (
    """CREATE TABLE arrivals (order_id TEXT PRIMARY KEY, at REAL NOT NULL)""",
    """CREATE TRIGGER note_arrival AFTER INSERT ON erp_orders BEGIN
        INSERT OR IGNORE INTO arrivals
        VALUES (NEW.order_id, (julianday('now') - 2440587.5) * 86400.0);
    END""",
)

_POSTGRESQL_CLOCK: Final = (
    """CREATE TABLE arrivals (order_id TEXT PRIMARY KEY, at DOUBLE PRECISION NOT NULL)""",
    """CREATE FUNCTION note_arrival() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO arrivals VALUES (NEW.order_id, extract(epoch FROM clock_timestamp()))
        ON CONFLICT DO NOTHING;
        RETURN NEW;
    END $$""",
    """CREATE TRIGGER note_arrival AFTER INSERT ON erp_orders
        FOR EACH ROW EXECUTE FUNCTION note_arrival()""",
)

_CUT_EVERY_SECONDS: Final = 0.05
_LOCK: Final = "LOCK TABLE erp_orders, erp_commands IN ACCESS EXCLUSIVE MODE"


class NoPostgres(Exception):
    """Raised where there is no PostgreSQL to start."""


class ChaosLedger(Protocol):
    """What a run does with its ledger's database; each kind knows some of it."""

    url: str

    def locked(self) -> AbstractContextManager[None]:
        """Lock the database for as long as the block lasts: nobody can write."""

    def cut(self) -> None:
        """End every connection."""

    def away(self, mode: str) -> AbstractContextManager[None]:
        """Stop the server for as long as the block lasts, as `fast` or `immediate` have it."""

    def keep(self, home: Path) -> None:
        """Write what it holds, and its log, into the home folder."""


class SqliteLedger:
    """A file in the home folder."""

    def __init__(self, home: Path) -> None:
        self._path = home / "ledger.sqlite3"
        self.url = f"sqlite:///{self._path}"

    def locked(self) -> AbstractContextManager[None]:
        """Lock the file."""
        return write_locked(self._path)

    def cut(self) -> None:
        """Do nothing: a file has no connections."""

    def away(self, mode: str) -> AbstractContextManager[None]:  # noqa: ARG002 -- the protocol's.
        """Do nothing: a file has no server."""
        return contextlib.nullcontext()

    def keep(self, home: Path) -> None:
        """Do nothing: the file is there already."""


class PostgresLedger:
    """A database of a server of its own, which crashes without losing what it has committed."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._name = server.create()
        self._is_up = True
        self.url = server.url(self._name)

    def locked(self) -> AbstractContextManager[None]:
        """Do nothing: its locks are rows'."""
        return contextlib.nullcontext()

    def cut(self) -> None:
        """End every connection, also those in the middle of a transaction."""
        if self._is_up:
            self._server.cut(self._name)

    @contextlib.contextmanager
    def away(self, mode: str) -> Iterator[None]:
        """Stop the server, unless it is away already."""
        if not self._is_up:
            yield
            return
        self._is_up = False
        try:
            with self._server.stopped(mode):
                yield
        finally:
            self._is_up = True

    def keep(self, home: Path) -> None:
        """Write the server's log where it is searched, and a dump of the database beside it."""
        (logs_folder(home) / "postgresql.log").write_text(self._server.log())
        (home / "ledger.sql").write_text(self._server.dump(self._name))


@contextlib.contextmanager
def running_ledger(kind: DatabaseKind, home: Path) -> Iterator[ChaosLedger]:
    """Run a database for as long as the block lasts.

    Raises:
        NoPostgres: it cannot be had.
    """
    if kind == "sqlite":
        yield SqliteLedger(home)
    else:
        with own_server() as server:
            yield PostgresLedger(server)


class ErpServer(Protocol):
    """What befalls the ERP's database; each kind knows some of it."""

    url: str

    def locked(self) -> AbstractContextManager[None]:
        """Lock the database for as long as the block lasts: nobody can write."""

    def refusing(self) -> AbstractContextManager[None]:
        """Crash: nobody can connect for as long as the block lasts."""

    def cutting(self) -> AbstractContextManager[None]:
        """End every connection again and again for as long as the block lasts."""


class SqliteErpServer:
    """A file, which is no server."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.url = f"sqlite:///{path}"

    def locked(self) -> AbstractContextManager[None]:
        """Lock the file."""
        return write_locked(self._path)

    def refusing(self) -> AbstractContextManager[None]:
        """Do nothing: a file refuses nobody."""
        return contextlib.nullcontext()

    def cutting(self) -> AbstractContextManager[None]:
        """Do nothing: a file has no connections."""
        return contextlib.nullcontext()


class PostgresErpServer:
    """A database of a server of its own."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._name = server.create()
        self._is_up = True
        self.url = server.url(self._name)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the tables, unless the server is away or a frozen process has one."""
        with ExitStack() as stack:
            if self._is_up:
                connection = stack.enter_context(contextlib.closing(psycopg.connect(self.url)))
                with contextlib.suppress(psycopg.errors.LockNotAvailable):
                    connection.execute("SET lock_timeout = '2s'")
                    connection.execute(_LOCK)
            yield

    @contextlib.contextmanager
    def refusing(self) -> Iterator[None]:
        """Stop the server without a word to those that are connected."""
        self._server.stop("immediate")
        self._is_up = False
        try:
            yield
        finally:
            self._server.start()
            self._is_up = True

    @contextlib.contextmanager
    def cutting(self) -> Iterator[None]:
        """End every connection now and then, also those in the middle of a transaction."""
        is_over = Event()
        cutter = Thread(target=self._cut_until, args=[is_over])
        cutter.start()
        try:
            yield
        finally:
            is_over.set()
            cutter.join()

    def _cut_until(self, is_over: Event) -> None:
        while not is_over.wait(_CUT_EVERY_SECONDS):
            # It may be away, or go away meanwhile.
            with contextlib.suppress(psycopg.OperationalError):
                self._server.cut(self._name)


class ChaosErp:
    """The ERP with its tables; while it `is_down`, nobody can write into them."""

    def __init__(self, server: ErpServer) -> None:
        self._server = server
        self._faults = 0
        self.url = server.url
        self._engine = open_as_erp(self.url)
        prepare(self._engine)

    @property
    def is_down(self) -> bool:
        """Whether it takes nothing now."""
        return self._faults > 0

    def locked(self) -> AbstractContextManager[None]:
        """Lock it: every write fails after a long wait."""
        return self._down(self._server.locked())

    def refusing(self) -> AbstractContextManager[None]:
        """Stop it: every connection fails at once."""
        return self._down(self._server.refusing())

    def cutting(self) -> AbstractContextManager[None]:
        """Cut it off: every connection ends soon after it was made."""
        return self._down(self._server.cutting())

    def dated(self, orders: Iterable[ErpOrder]) -> tuple[ErpOrder, ...]:
        """Return the orders with the times at which they came, by the ERP's own clock."""
        arrivals = self.arrivals()
        return tuple(replace(order, placed_at=arrivals[order.order_id]) for order in orders)

    def arrivals(self) -> Mapping[str, float]:
        """Return when each order came that the ERP has."""
        with self._engine.connect() as connection:
            rows = connection.execute(text("SELECT order_id, at FROM arrivals"))
            return {row.order_id: row.at for row in rows}

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    @contextlib.contextmanager
    def _down(self, fault: AbstractContextManager[None]) -> Iterator[None]:
        with fault:
            self._faults += 1
            try:
                yield
            finally:
                self._faults -= 1


@contextlib.contextmanager
def running_erp(kind: DatabaseKind, home: Path, name: str = "erp") -> Iterator[ChaosErp]:
    """Run an ERP for as long as the block lasts; a file of its own has this name.

    Raises:
        NoPostgres: its database cannot be had.
    """
    with ExitStack() as stack:
        server: ErpServer
        if kind == "sqlite":
            server = SqliteErpServer(home / f"{name}.sqlite3")
        else:
            server = PostgresErpServer(stack.enter_context(own_server()))
        erp = ChaosErp(server)
        stack.callback(erp.close)
        yield erp


def prepare(engine: Engine) -> None:
    """Create the staging tables, and the ERP's clock beside them."""
    create_tables(engine)
    with engine.begin() as connection:
        for statement in _SQLITE_CLOCK if engine.dialect.name == "sqlite" else _POSTGRESQL_CLOCK:
            connection.execute(text(statement))


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
    """Lock an SQLite file, unless a frozen process has its write lock."""
    with contextlib.closing(
        sqlite3.connect(path, timeout=_LOCK_SECONDS, isolation_level=None)
    ) as connection:
        with contextlib.suppress(sqlite3.OperationalError):
            connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            connection.rollback()
