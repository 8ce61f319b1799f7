"""The staging ERP's database of a run, which has a clock of its own, and what befalls it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from typing import Final, Protocol

import psycopg
from chaos.ledgers import own_server, write_locked
from chaos.timetable import DatabaseKind
from sqlalchemy import Engine, text
from support.postgres import PostgresServer

from orders_sync.demo.erp_tables import open_as_erp
from orders_sync.demo.records import ErpOrder
from orders_sync.erp.staging_schema import create_tables

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


class ErpServer(Protocol):
    """What befalls the ERP's database; each kind knows some of it."""

    url: str

    def locked(self) -> AbstractContextManager[None]:
        """Let nobody write for as long as the block lasts."""

    def refusing(self) -> AbstractContextManager[None]:
        """Crash, and let nobody connect for as long as the block lasts."""

    def cutting(self) -> AbstractContextManager[None]:
        """End every connection again and again for as long as the block lasts."""


class SqliteErpServer:
    """A file, which is no server."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.url = f"sqlite:///{path}"

    def locked(self) -> AbstractContextManager[None]:
        """Hold the file's write lock."""
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
        """Hold the locks of the tables, unless the server is away or a frozen process has one."""
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
        """Let every write fail after a long wait."""
        return self._down(self._server.locked())

    def refusing(self) -> AbstractContextManager[None]:
        """Let every connection fail at once."""
        return self._down(self._server.refusing())

    def cutting(self) -> AbstractContextManager[None]:
        """Let every connection end soon after it was made."""
        return self._down(self._server.cutting())

    def dated(self, orders: Iterable[ErpOrder]) -> tuple[ErpOrder, ...]:
        """Give the orders with the times at which they came, by the ERP's own clock."""
        arrivals = self.arrivals()
        return tuple(replace(order, placed_at=arrivals[order.order_id]) for order in orders)

    def arrivals(self) -> Mapping[str, float]:
        """Tell when each order came that the ERP has."""
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
    """Have an ERP for as long as the block lasts; a file of its own has this name.

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
