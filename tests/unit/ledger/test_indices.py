"""Nothing that is done all day reads a big table from end to end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from support.full_ledger import fill, gather_statistics
from support.ledger_operations import Operations

from orders_sync.ledger import Ledger

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
ORDERS = 4000
BIG = {"orders", "events", "documents", "journal", "commands", "operator_log"}

#: These hold few rows, or give rows in the order in which only the first are wanted.
WHOLE = {
    "ix_commands_dispatched",
    "ix_commands_due",
    "ix_commands_parked",
    "ix_commands_untold",
    "ix_events_unacknowledged",
    "ix_events_unreadable",
    "ix_orders_account_updated_at",
    "ix_orders_dispatched",
    "ix_orders_due",
    "ix_orders_parked",
    "ix_orders_updated_at",
}


@pytest.fixture
def full_ledger(database: str, ledger_url: str) -> Iterator[Ledger]:
    """Give a ledger in which PostgreSQL reads a table whole only where no index helps."""
    avoiding = "&options=-c%20enable_seqscan%3Doff" if database == "postgresql" else ""
    with closing(Ledger(f"{ledger_url}{avoiding}", lease=timedelta(seconds=60))) as ledger:
        fill(ledger.database, orders=ORDERS, now=NOW)
        gather_statistics(ledger.database)
        yield ledger


@contextmanager
def plans_of(ledger: Ledger) -> Iterator[list[str]]:
    """Collect how the database goes about each statement that reads a big table whole."""
    found: list[str] = []
    explain = {"sqlite": sqlite_scans, "postgresql": postgresql_scans}[
        ledger.database.engine.dialect.name
    ]

    def look(
        connection: sa.Connection, cursor: Any, statement: str, parameters: Any, *_: Any
    ) -> None:
        del cursor
        is_bounded = "count(*)" in statement and "LIMIT" in statement
        if statement.startswith(("SELECT", "UPDATE", "WITH")) and not is_bounded:
            found.extend(explain(connection, statement, parameters))

    sa.event.listen(ledger.database.engine, "before_cursor_execute", look)
    yield found
    sa.event.remove(ledger.database.engine, "before_cursor_execute", look)


def sqlite_scans(connection: sa.Connection, statement: str, parameters: Any) -> list[str]:
    driver: Any = connection.connection.driver_connection
    plan = driver.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
    details = [str(row[3]) for row in plan]
    return [f"{each} in {statement}" for each in details if is_sqlite_scan(each)]


def is_sqlite_scan(detail: str) -> bool:
    """Find what reads a table, or all of an account's rows, such as `SCAN t USING INDEX i`."""
    how, *rest = detail.split()
    is_whole = how == "SCAN" or (how == "SEARCH" and rest[-1] == "(account=?)")
    return is_whole and rest[0] in BIG and WHOLE.isdisjoint(rest)


def postgresql_scans(connection: sa.Connection, statement: str, parameters: Any) -> list[str]:
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
        [[plan]] = cursor.fetchone()
    nodes = list(nodes_of(plan["Plan"]))
    return [f"{json.dumps(node)} in {statement}" for node in nodes if is_postgresql_scan(node)]


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield {key: value for key, value in plan.items() if key != "Plans"}
    for part in plan.get("Plans", ()):
        yield from nodes_of(part)


def is_postgresql_scan(node: dict[str, Any]) -> bool:
    if node["Node Type"] == "Seq Scan":
        return node["Relation Name"] in BIG
    if node["Node Type"] not in {"Index Scan", "Index Only Scan", "Bitmap Index Scan"}:
        return False
    condition = node.get("Index Cond", "(account)")
    is_whole = "(account)" in condition and " AND " not in condition
    return is_whole and node["Index Name"] not in WHOLE


def test_no_big_table_is_read_whole(full_ledger: Ledger) -> None:
    found = {}

    for name, operation in Operations(full_ledger, orders=ORDERS, now=NOW).all.items():
        with plans_of(full_ledger) as scans:
            operation()
        found[name] = scans

    assert {name: scans for name, scans in found.items() if scans} == {}
