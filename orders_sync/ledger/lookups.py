"""Finds an order by any of the names that people have for it, each by its index."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from orders_sync.commands.acceptance import LONGEST, storable
from orders_sync.domain.invoice_number import to_vtex_number
from orders_sync.ledger.engine import Database
from orders_sync.ledger.tables import commands, orders

#: VTEX numbers the orders of one purchase from 01; few purchases have more sellers than this.
_SUBORDERS: Final = 9


@dataclass(frozen=True, slots=True)
class Named:
    """An order, and by which of its names it was found."""

    account: str
    order_id: str
    by: str


def find_named(
    database: Database, text: str, accounts: Collection[str] | None, *, limit: int = 50
) -> Sequence[Named]:
    """Return the orders that somebody may mean, of accounts or of all.

    By VTEX's id (with or without the seller's number), its sequence, the marketplace's id, the
    ERP's reference, the id of a command, and the number of an invoice or of a package.
    """
    name = storable(text.strip())[: LONGEST["order_id"]]
    if not name:
        return []
    of_purchase = [f"{name}-{number:02d}" for number in range(1, _SUBORDERS + 1)]
    ways: list[tuple[str, sa.Table, sa.ColumnElement[bool]]] = [
        ("order", orders, orders.c.order_id.in_([name, *of_purchase])),
        ("order", commands, commands.c.order_id == name),
        ("sequence", orders, orders.c.sequence == name),
        ("marketplace", orders, orders.c.marketplace_order_id == name),
        ("erp", orders, orders.c.erp_reference == name),
        ("command", commands, commands.c.id == name),
        ("invoice", commands, commands.c.vtex_number.in_({name, to_vtex_number(name)})),
        ("tracking", commands, commands.c.tracking_number.in_({name, name.upper()})),
    ]
    found: dict[tuple[str, str], str] = {}
    with database.reading() as connection:
        for by, table, condition in ways:
            statement = _orders_of(table).where(condition).limit(limit)
            if accounts is not None:
                statement = statement.where(table.c.account.in_(accounts))
            for row in connection.execute(statement):
                found.setdefault((row.account, row.order_id), by)
    return [Named(*key, by) for key, by in list(found.items())[:limit] if key[1]]


def _orders_of(table: sa.Table) -> sa.Select[Any]:
    return sa.select(table.c.account, table.c.order_id)
