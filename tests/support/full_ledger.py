"""A ledger with years of orders in it: nearly all of them done, a few open, parked or void.

Of 1000 orders 4 are open and due, 1 is parked, 25 are void. Each has two events,
four lines in the journal and a document; each that was handled has an invoice and its tracking.
One account in ten orders is the other one's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from orders_sync.ledger.engine import Database
from orders_sync.ledger.tables import UtcDateTime

STORE: Final = "mystore"

_NUMBERS: Final = {
    "postgresql": """
        CREATE TEMPORARY TABLE numbers AS
        SELECT i, CAST(:now AS timestamptz) - (:orders - i) * interval '10 seconds' AS at
        FROM generate_series(1, :orders) AS i
    """,
    "sqlite": """
        CREATE TEMPORARY TABLE numbers AS
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :orders)
        SELECT i,
            strftime('%Y-%m-%d %H:%M:%f', :now, ((i - :orders) * 10) || ' seconds') || '000' AS at
        FROM n
    """,
}

_KIND: Final = """
    CREATE TEMPORARY TABLE kinds AS
    SELECT i, at,
        CASE WHEN i % 10 = 3 THEN 'otherstore' ELSE 'mystore' END AS account,
        (1000000000000 + i) || '-01' AS order_id,
        CASE WHEN i % 1000 IN (7, 207, 407) THEN 'active'
             WHEN i % 1000 = 607 THEN 'waiting'
             WHEN i % 1000 = 807 THEN 'parked'
             WHEN i % 40 = 2 THEN 'void'
             ELSE 'done' END AS standing,
        CASE WHEN i % 1000 IN (7, 207, 407, 607) THEN at END AS due_at
    FROM numbers
"""

_DOCUMENT: Final = b'{"orderId": "1", "status": "invoiced"}'

_FILL: Final = (
    """
    INSERT INTO orders (account, order_id, progress, standing, next_step, news, status,
        erp_reference, due_at, attempts, cause, reason, version, first_seen_at, updated_at)
    SELECT account, order_id,
        CASE standing WHEN 'done' THEN 'handling' WHEN 'void' THEN 'fetched' ELSE 'seen' END,
        standing,
        CASE WHEN due_at IS NOT NULL OR standing = 'parked' THEN 'orders.fetch' END,
        i < 0,
        CASE standing WHEN 'done' THEN 'invoiced' WHEN 'void' THEN 'canceled'
            WHEN 'parked' THEN 'ready-for-handling' END,
        CASE standing WHEN 'done' THEN account || '/' || order_id END,
        due_at, 0,
        CASE WHEN standing = 'parked' THEN 'erp.refused' END,
        CASE WHEN standing = 'parked' THEN 'no credit' END,
        3, at, at
    FROM kinds
    """,
    """
    INSERT INTO events (account, identity, order_id, event_id, domain, state, last_state,
        current_change, handle, delivered_at, deliveries, first_seen_at, asks_nothing,
        acknowledged_at)
    SELECT account, order_id || '|' || domain, order_id, 'E' || i, domain, 'ready-for-handling',
        'window-to-cancel', 'at ' || i, domain || ' handle ' || i, at, 1, at, i < 0,
        CASE WHEN due_at IS NULL THEN at END
    FROM kinds
    CROSS JOIN (SELECT 'Marketplace' AS domain UNION ALL SELECT 'Fulfillment') AS domains
    """,
    """
    INSERT INTO documents (account, order_id, body, read_at)
    SELECT account, order_id, :body, at FROM kinds
    """,
    """
    INSERT INTO journal (at, account, order_id, what, step, attempt, seconds, task_id)
    SELECT at, account, order_id, what, step, 1, 0.125, step || ':' || order_id
    FROM kinds
    CROSS JOIN (SELECT 'event.recorded' AS what, 'feed.poll' AS step
        UNION ALL SELECT 'order.fetched', 'orders.fetch'
        UNION ALL SELECT 'order.handed_over', 'erp.hand_over'
        UNION ALL SELECT 'order.handled', 'orders.start_handling') AS steps
    """,
    """
    INSERT INTO commands (id, account, order_id, kind, key, asked_key, fingerprint, body, source,
        asked_by_erp, progress, standing, outcome, told, next_step, vtex_number, value_cents,
        due_at, line, position, attempts, cause, reason, version, created_at, updated_at)
    SELECT kind || i, account, order_id, kind, 'erp-' || kind || i, 'erp-' || kind || i, 'f' || i,
        '{"number":"' || i || '","type":"Output"}', 'erp', i > 0,
        CASE standing WHEN 'done' THEN 'done' ELSE 'accepted' END,
        standing,
        CASE standing WHEN 'done' THEN 'done' WHEN 'parked' THEN 'parked' ELSE 'accepted' END,
        CASE WHEN i % 5000 = 1 THEN NULL WHEN standing = 'parked' THEN 'parked'
            WHEN standing = 'done' THEN 'done' ELSE 'accepted' END,
        step, '' || i, 9990,
        due_at, CASE kind WHEN 'invoice' THEN line ELSE line || i END, 1, 0,
        CASE WHEN standing = 'parked' THEN 'invoice.over_invoiced' END,
        CASE WHEN standing = 'parked' THEN 'more than the order' END,
        3, at, at
    FROM kinds
    CROSS JOIN (SELECT 'invoice' AS kind, 'invoice.send' AS step, 'goods' AS line
        UNION ALL SELECT 'track', 'tracking.send', 'tracking/') AS asked
    WHERE standing <> 'void'
    """,
)


_WAITING: Final = (
    """
    INSERT INTO orders (account, order_id, progress, standing, news, attempts, version,
        first_seen_at, updated_at)
    SELECT 'mystore', 'waiting' || i, 'handling', 'done', i < 0, 0, 1, at, at FROM numbers
    """,
    """
    INSERT INTO commands (id, account, order_id, kind, key, fingerprint, body, source, progress,
        standing, outcome, next_step, due_at, line, position, attempts, version, created_at,
        updated_at)
    SELECT 'waiting' || i, 'mystore', 'waiting' || i, 'invoice', 'waiting' || i, 'f' || i,
        '{"number":"1","type":"Output","value_cents": 1}', 'service', 'accepted', 'waiting',
        'accepted', 'invoice.send', at, 'goods', 1, 1, 1, at, at
    FROM numbers
    """,
)


_PARKED: Final = """
    UPDATE commands SET standing = 'parked', outcome = 'parked', told = 'parked',
        cause = :cause, reason = 'no answer', hint = 'Look for yourself.'
    WHERE kind = 'invoice' AND standing = 'done'
        AND order_id IN (SELECT order_id FROM orders ORDER BY updated_at DESC LIMIT :number)
"""

_EVENTS: Final = (
    """
    INSERT INTO outbox (id, at, told, account, order_id, body)
    SELECT 'evt_' || i, at, 'order.done', 'mystore', 'order' || (i % :lines), '{}' FROM numbers
    ORDER BY i
    """,
    """
    INSERT INTO deliveries (endpoint_id, seq, account, order_id, due_at, attempts, version)
    SELECT :endpoint, seq, account, order_id, :due, 0, 0 FROM outbox
    """,
)


def park_invoices(database: Database, cause: str, *, number: int) -> None:
    """Park the invoices of the latest orders, as a bad day does."""
    with database.writing() as connection:
        connection.execute(sa.text(_PARKED), {"cause": cause, "number": number})


def fill_events(
    database: Database, endpoint_id: str, *, events: int, lines: int, due: datetime, now: datetime
) -> None:
    """Add events for an endpoint, of so many orders in turns, all of them due at a time."""
    given = {"lines": lines, "endpoint": endpoint_id, "due": due}
    with database.writing() as connection, _numbered(connection, events, now):
        for text in _EVENTS:
            statement = sa.text(text)
            wanted = {name: value for name, value in given.items() if f":{name}" in text}
            typed = [sa.bindparam("due", type_=UtcDateTime)] if "due" in wanted else []
            connection.execute(statement.bindparams(*typed), wanted)


def fill(database: Database, *, orders: int, now: datetime) -> None:
    """Fill an empty ledger with orders, the last of them of `now`."""
    with database.writing() as connection, _numbered(connection, orders, now):
        connection.execute(sa.text(_KIND))
        for statement in _FILL:
            given = {"body": _DOCUMENT} if ":body" in statement else {}
            connection.execute(sa.text(statement), given)
        connection.execute(sa.text("DROP TABLE kinds"))


def fill_waiting(database: Database, *, commands: int, now: datetime) -> None:
    """Add commands of one account that are due, each of an order of its own, and cannot go."""
    with database.writing() as connection, _numbered(connection, commands, now):
        for statement in _WAITING:
            connection.execute(sa.text(statement))


@contextmanager
def _numbered(connection: sa.Connection, number: int, now: datetime) -> Iterator[None]:
    dialect = connection.dialect.name
    last = now if dialect == "postgresql" else f"{now:%Y-%m-%d %H:%M:%S}"
    connection.execute(sa.text(_NUMBERS[dialect]), {"orders": number, "now": last})
    yield
    connection.execute(sa.text("DROP TABLE numbers"))


def gather_statistics(database: Database) -> None:
    """Gather the database's statistics, as it does by itself in time."""
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("ANALYZE"))
    # SQLite's other connections learn of it when they are opened.
    database.engine.dispose()
