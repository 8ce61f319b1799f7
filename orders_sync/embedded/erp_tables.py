"""The staging ERP's tables, read as the ERP reads them."""

from __future__ import annotations

import contextlib
import sqlite3
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

from orders_sync.embedded.records import ErpOrder, Line

_ORDERS = "SELECT order_id, state, value_cents, placed_at FROM erp_orders ORDER BY order_id"
_LINES = "SELECT order_id, line_id, sku, quantity, total_cents FROM erp_order_lines"


def read_erp(database: Path) -> tuple[ErpOrder, ...]:
    """Read every order of the ERP's SQLite file; none where there is no file yet."""
    if not database.exists():
        return ()
    with contextlib.closing(_open(database)) as connection:
        lines = defaultdict(list)
        for order_id, *line in connection.execute(_LINES):
            lines[order_id].append(Line(*line))
        return tuple(
            ErpOrder(order_id, state, value_cents, tuple(lines[order_id]), _instant(placed_at))
            for order_id, state, value_cents, placed_at in connection.execute(_ORDERS)
        )


def _open(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)


def _instant(text: str) -> float:
    """Read a time as SQLAlchemy stores it in SQLite: in UTC, without saying so."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
