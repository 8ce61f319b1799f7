"""Lines of commands in the ledger: who is behind somebody has no due time, and gets one in turn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from orders_sync.commands.lines import Place, blockers
from orders_sync.domain.rules import UNFINISHED, Standing
from orders_sync.ledger.order_lease import ARE_OF_ORDERS, IS_OF_ORDER, is_among, of_order, of_orders
from orders_sync.ledger.tables import commands
from orders_sync.ledger.wakeups import CLOCKS_DIFFER

#: Why a command has no due time: an older one of its line is unfinished, or a person decides first.
BEHIND: Final = "line.behind"
HELD: Final = "line.held"

_PLACES: Final = sa.select(
    commands.c.account,
    commands.c.order_id,
    commands.c.line,
    commands.c.id,
    commands.c.kind,
    commands.c.standing,
    commands.c.outcome,
    commands.c.progress,
    commands.c.position,
    commands.c.intent.is_not(None).label("is_intended"),
    commands.c.is_rest,
    commands.c.body.contains('"tracking_number":', autoescape=True).label("brings_number"),
    commands.c.vtex_number,
    commands.c.asked_key,
    commands.c.created_at,
    commands.c.due_at,
    commands.c.cause,
).where(is_among(commands.c.standing, UNFINISHED), commands.c.line.is_not(None))

_OF_ORDER: Final = _PLACES.where(IS_OF_ORDER)
_OF_ORDERS: Final = _PLACES.where(ARE_OF_ORDERS)

_MAY_GO: Final = (
    sa.update(commands)
    .where(commands.c.id == sa.bindparam("of_id"))
    .values(
        standing=Standing.ACTIVE,
        due_at=sa.bindparam("now", type_=commands.c.due_at.type),
        cause=None,
        reason=None,
        hint=None,
    )
)

_HAS_TO_WAIT: Final = (
    sa.update(commands)
    .where(commands.c.id == sa.bindparam("of_id"))
    .values(
        standing=Standing.WAITING,
        due_at=None,
        dispatched_until=None,
        cause=sa.bindparam("new_cause"),
        reason=sa.bindparam("new_reason"),
        hint=sa.bindparam("new_hint"),
    )
)


def align(connection: sa.Connection, account: str, order_id: str, *, now: datetime) -> None:
    """Give the commands of an order that may go a due time, and take it from those that may not.

    One that is due later keeps its time, and is looked at again when it is claimed. The order's row
    is locked by the caller, so that nobody changes a line meanwhile.
    """
    _align(connection, connection.execute(_OF_ORDER, of_order(account, order_id)).all(), now)


def align_all(
    connection: sa.Connection, account: str, order_ids: Iterable[str], *, now: datetime
) -> None:
    """Do so for several orders at once."""
    rows: dict[str, list[sa.Row[Any]]] = defaultdict(list)
    for row in connection.execute(_OF_ORDERS, of_orders(account, list(order_ids))):
        rows[row.order_id].append(row)
    for rows_of_order in rows.values():
        _align(connection, rows_of_order, now)


def _align(connection: sa.Connection, rows: Iterable[sa.Row[Any]], now: datetime) -> None:
    lines: dict[str, list[sa.Row[Any]]] = defaultdict(list)
    for row in rows:
        lines[row.line].append(row)
    for line in lines.values():
        by_id = {row.id: row for row in line}
        for place, other in blockers([_place(row) for row in line]):
            row = by_id[place.command_id]
            if other is None:
                if row.due_at is None:
                    connection.execute(_MAY_GO, {"of_id": row.id, "now": now})
            elif _is_due(row, now) or (row.due_at is None and not _says_why(row, other)):
                connection.execute(_HAS_TO_WAIT, {"of_id": row.id, **_why(other)})


def _is_due(row: sa.Row[Any], now: datetime) -> bool:
    """Check whether a process may take it, by its own clock."""
    return row.due_at is not None and row.due_at <= now + CLOCKS_DIFFER


def _says_why(row: sa.Row[Any], other: Place) -> bool:
    return bool(row.cause == (BEHIND if other.is_open else HELD))


def _why(other: Place) -> dict[str, str | None]:
    name = f"{other.kind} {other.command_id}"
    if other.is_open:
        return {
            "new_cause": BEHIND,
            "new_reason": f"It was asked for after {name}, which is not finished.",
            "new_hint": None,
        }
    return {
        "new_cause": HELD,
        "new_reason": f"It is about all that is left, and {name} is parked.",
        "new_hint": f"Decide that one first: orders-sync parked retry, edit or discard "
        f"{other.command_id}",
    }


def _place(row: sa.Row[Any]) -> Place:
    return Place(
        command_id=row.id,
        kind=row.kind,
        standing=Standing(row.standing),
        outcome=row.outcome,
        position=row.position,
        has_begun=row.is_intended or row.progress == "sent",
        is_rest=row.is_rest,
        brings_number=row.brings_number,
        number=row.vtex_number,
        asked_key=row.asked_key,
        created_at=row.created_at,
    )
