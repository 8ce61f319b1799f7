"""The staging ERP's tables, read as the ERP reads them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, create_engine, inspect, make_url, text

from orders_sync.database_engines import is_mysql, is_postgresql, mysql_engine, postgresql_engine
from orders_sync.demo.records import ErpOrder, Line

_ORDERS = (
    "SELECT order_id, state, value_cents, placed_at, freight_cents, beside_cents, changes_cents, "
    "other_cents, difference_cents FROM erp_orders"
)
#: The others were cancelled before they came; see docs/staging-tables.md.
_CAME = "status IS NOT NULL"
_LINES = text(
    "SELECT line_id, sku, quantity, total_cents, tax_cents, "
    "(SELECT coalesce(sum(s.total_cents), 0) FROM erp_order_services s "
    "WHERE s.order_id = l.order_id AND s.line_index = l.line_index) "
    "FROM erp_order_lines l WHERE order_id = :order_id ORDER BY line_index"
)
_CHANGES = text(
    "SELECT revision, what FROM erp_order_changes WHERE order_id = :order_id "
    "ORDER BY revision, change_index"
)
#: How long the ERP waits for its own database.
PATIENCE_SECONDS = 30.0


def open_as_erp(url: str, patience_seconds: float = PATIENCE_SECONDS) -> Engine:
    """Make an engine of the ERP itself, without connecting; on MySQL, its bounds are fixed."""
    parsed = make_url(url)
    if is_postgresql(parsed):
        return postgresql_engine(parsed, setting="url", seconds=patience_seconds)
    if is_mysql(parsed):
        return mysql_engine(parsed, setting="url")
    return create_engine(parsed, connect_args={"timeout": patience_seconds})


def read_erp(engine: Engine) -> tuple[ErpOrder, ...]:
    """Read every order that came to the ERP; none where its tables are not there yet."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("erp_orders"):
            return ()
        return tuple(
            replace(
                order,
                lines=read_lines(connection, order.order_id),
                changes=read_changes(connection, order.order_id),
            )
            for order in read_orders(connection, f"WHERE {_CAME} ORDER BY order_id")
        )


def read_orders(connection: Connection, clauses: str) -> list[ErpOrder]:
    """Read the orders that SQL clauses choose, without their lines."""
    return [
        ErpOrder(order_id, state, value_cents, (), _instant(placed_at), *parts)
        for order_id, state, value_cents, placed_at, *parts in connection.execute(
            text(f"{_ORDERS} {clauses}")
        )
    ]


def read_lines(connection: Connection, order_id: str) -> tuple[Line, ...]:
    """Read the lines of an order."""
    rows = connection.execute(_LINES, {"order_id": order_id})
    return tuple(replace(Line(*facts), service_cents=int(cents)) for *facts, cents in rows)


def read_changes(connection: Connection, order_id: str) -> tuple[tuple[int, str], ...]:
    """Read what changed of an order, by revision."""
    rows = connection.execute(_CHANGES, {"order_id": order_id})
    return tuple((revision, what) for revision, what in rows)


def _instant(placed_at: datetime | str) -> float:
    """Read a time; SQLite has it as SQLAlchemy writes it there: in UTC, without saying so."""
    moment = datetime.fromisoformat(placed_at) if isinstance(placed_at, str) else placed_at
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
