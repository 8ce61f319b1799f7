"""The staging ERP's database of a run, which has a clock of its own."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from chaos.ledgers import write_locked

from orders_sync.demo.records import ErpOrder
from orders_sync.erp.staging_database import create_tables, open_engine

#: The adapter writes `placed_at` by its worker's clock, which may be wrong; this one is the ERP's.
_OWN_CLOCK = """
CREATE TABLE arrivals (order_id TEXT PRIMARY KEY, at REAL NOT NULL);
CREATE TRIGGER note_arrival AFTER INSERT ON erp_orders BEGIN
    INSERT OR IGNORE INTO arrivals
    VALUES (NEW.order_id, (julianday('now') - 2440587.5) * 86400.0);
END;
"""


class ErpDatabase:
    """The SQLite file with the staging tables; while it `is_down`, nobody can write into it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_down = False
        engine = open_engine(f"sqlite:///{path}")
        create_tables(engine)
        engine.dispose()
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(_OWN_CLOCK)

    @contextlib.contextmanager
    def down(self) -> Iterator[None]:
        """Let every write fail after a long wait."""
        with write_locked(self.path):
            self.is_down = True
            try:
                yield
            finally:
                self.is_down = False

    def dated(self, orders: Iterable[ErpOrder]) -> tuple[ErpOrder, ...]:
        """Give the orders with the times at which they came, by the ERP's own clock."""
        arrivals = self.arrivals()
        return tuple(replace(order, placed_at=arrivals[order.order_id]) for order in orders)

    def arrivals(self) -> Mapping[str, float]:
        """Tell when each order came that the ERP has."""
        with closing(sqlite3.connect(self.path)) as connection:
            return dict(connection.execute("SELECT order_id, at FROM arrivals"))
