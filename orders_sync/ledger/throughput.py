"""How much came to its end lately, for charts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from orders_sync.domain.rules import Standing
from orders_sync.ledger.engine import Database
from orders_sync.ledger.tables import commands, orders

#: A chart has so many bars, each of so long.
BARS: Final = 30
BAR: Final = timedelta(minutes=2)

#: Numbers by account, the oldest bar first.
Bars = Mapping[str, tuple[int, ...]]


def finished_lately(database: Database, *, now: datetime) -> tuple[Bars, Bars]:
    """Count the orders, and the commands, that came to their end in each of the last `BARS`."""
    with database.reading() as connection:
        return _count(connection, orders, now), _count(connection, commands, now)


def _count(connection: sa.Connection, table: sa.Table, now: datetime) -> Bars:
    first = now - BARS * BAR
    bar = sa.case(
        *((table.c.updated_at >= first + index * BAR, index) for index in reversed(range(BARS)))
    ).label("bar")
    statement = (
        sa.select(table.c.account, bar, sa.func.count().label("number"))
        .where(table.c.standing == Standing.DONE, table.c.updated_at >= first)
        .group_by(table.c.account, bar)
    )
    found: dict[str, list[int]] = {}
    for row in connection.execute(statement):
        found.setdefault(row.account, [0] * BARS)[row.bar] += row.number
    return {account: tuple(numbers) for account, numbers in found.items()}
