"""The staging ERP's tables, read as the ERP reads them."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from orders_sync.demo.records import ErpOrder, Line

_ORDERS = "SELECT order_id, state, value_cents, placed_at FROM erp_orders"
_LINES = "SELECT line_id, sku, quantity, total_cents FROM erp_order_lines WHERE order_id = ?"


def read_erp(database: Path) -> tuple[ErpOrder, ...]:
    """Read every order of the ERP's SQLite file; none where there is no file yet."""
    if not database.exists():
        return ()
    with contextlib.closing(_open(database)) as connection:
        return tuple(
            replace(order, lines=read_lines(connection, order.order_id))
            for order in read_orders(connection, "ORDER BY order_id")
        )


def read_orders(connection: sqlite3.Connection, clauses: str) -> list[ErpOrder]:
    """Read the orders that SQL clauses choose, without their lines."""
    return [
        ErpOrder(order_id, state, value_cents, (), _instant(placed_at))
        for order_id, state, value_cents, placed_at in connection.execute(f"{_ORDERS} {clauses}")
    ]


def read_lines(connection: sqlite3.Connection, order_id: str) -> tuple[Line, ...]:
    """Read the lines of an order."""
    rows = connection.execute(f"{_LINES} ORDER BY line_index", (order_id,))
    return tuple(Line(*line) for line in rows)


def _open(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)


def _instant(text: str) -> float:
    """Read a time as SQLAlchemy stores it in SQLite: in UTC, without saying so."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
