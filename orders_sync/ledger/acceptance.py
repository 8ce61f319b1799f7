"""Commands that are accepted: kept once under their key, in line and due, in one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

import sqlalchemy as sa

from orders_sync.commands.lines import DECIDING
from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import Dispatch
from orders_sync.ledger.engine import Database
from orders_sync.ledger.journal import JournalLine, write_entries
from orders_sync.ledger.order_rows import ARE_OF_ORDERS, lock_orders, of_orders
from orders_sync.ledger.outbox import of_commands
from orders_sync.ledger.statements import Row, insert_into
from orders_sync.ledger.tables import commands
from orders_sync.ledger.wakeups import Windows, align_all, next_of_each, request_reads

#: The kind that has its order read, and is done by that.
SYNC = "sync"


@dataclass(frozen=True, slots=True)
class KeptCommand:
    """The command that is kept under a key, and whether it is the one that was given."""

    row: Mapping[str, Any]
    is_new: bool


@dataclass(frozen=True, slots=True)
class Addition:
    """What a lot of commands became, in its order, and what to dispatch at once."""

    kept: Sequence[KeptCommand]
    dispatches: Sequence[Dispatch]


class Acceptance:
    """Keeps commands."""

    def __init__(self, database: Database, windows: Windows) -> None:
        self._database = database
        self._windows = windows

    def add(
        self,
        account: str,
        lot: Sequence[Row],
        *,
        in_place_of: Callable[[Row, Mapping[str, Any]], Row],
        now: datetime,
    ) -> Addition:
        """Keep a lot of rows of an account.

        A key that is known is the command that has it: its ERP is told of it again, if it is the
        ERP that asks. With other content, what `in_place_of` returns for the row and the one
        that is kept is kept instead.
        """
        order_ids = sorted(
            {
                row["order_id"]
                for row in lot
                if row["standing"] == Standing.ACTIVE or row["kind"] == SYNC
            }
        )
        with self._database.writing() as connection:
            if order_ids:
                lock_orders(connection, account, order_ids, now=now)
            in_line = _take_places(connection, account, lot).intersection(order_ids)
            kept = _keep(connection, account, lot)
            conflicts = {
                at: in_place_of(row, other.row) | {"position": row["position"]}
                for at, (row, other) in enumerate(zip(lot, kept, strict=True))
                if other.row["fingerprint"] != row["fingerprint"]
            }
            for at, command in zip(
                conflicts, _keep(connection, account, [*conflicts.values()]), strict=True
            ):
                kept[at] = command
            _ask_again(connection, lot, kept)
            added = [command.row for command in kept if command.is_new]
            write_entries(connection, [_entry(row, now) for row in added])
            self._database.outbox.write(connection, of_commands(added, at=now))
            if in_line:
                align_all(connection, account, in_line, now=now)
            dispatches = self._dispatch(connection, account, added, now)
        return Addition(kept, dispatches)

    def _dispatch(
        self,
        connection: sa.Connection,
        account: str,
        added: Sequence[Mapping[str, Any]],
        now: datetime,
    ) -> list[Dispatch]:
        to_read = [row["order_id"] for row in added if row["kind"] == SYNC]
        reads = request_reads(connection, account, to_read, windows=self._windows, now=now)
        active = [row for row in added if row["standing"] == Standing.ACTIVE]
        urgent = {row["order_id"] for row in active if row["kind"] in DECIDING}
        others = {row["order_id"] for row in active} - urgent
        dispatches: list[Dispatch] = []
        for order_ids, is_urgent in ((urgent, True), (others, False)):
            if order_ids:
                room = self._windows.room(connection, account, now, is_urgent=is_urgent)
                dispatches += next_of_each(connection, account, order_ids, room=room, now=now)
        return reads + dispatches


_PLACES: Final = sa.select(
    commands.c.order_id,
    commands.c.kind,
    commands.c.asked_key,
    commands.c.vtex_number,
    commands.c.position,
    sa.and_(commands.c.standing == Standing.PARKED, commands.c.outcome == "refused").label(
        "is_refused"
    ),
).where(ARE_OF_ORDERS)


def _take_places(connection: sa.Connection, account: str, lot: Sequence[Row]) -> set[str]:
    """Set each row's place: behind all of its order, or that of the refused one it corrects.

    Return the orders that have more than one command then.
    """
    order_ids = {row["order_id"] for row in lot}
    places: dict[str, int] = defaultdict(int)
    refused: dict[tuple[Any, ...], int] = {}
    for other in connection.execute(_PLACES, of_orders(account, list(order_ids))):
        places[other.order_id] = max(places[other.order_id], other.position)
        for name in (other.asked_key, other.vtex_number):
            if other.is_refused and name is not None:
                refused[other.order_id, other.kind, name] = other.position
    for row in lot:
        order_id, kind = row["order_id"], row["kind"]
        places[order_id] += 1
        corrected = refused.get((order_id, kind, row["asked_key"])) or (
            refused.get((order_id, kind, row["vtex_number"])) if kind == "invoice" else None
        )
        row["position"] = corrected or places[order_id]
    return {order_id for order_id in order_ids if places[order_id] > 1}


def _keep(connection: sa.Connection, account: str, lot: Sequence[Row]) -> list[KeptCommand]:
    """Insert rows; return what is kept under the key of each."""
    if not lot:
        return []
    first = {row["key"]: row for row in reversed(lot)}
    statement = _insert(connection.dialect.name)
    new = set(connection.execute(statement, list(first.values())).scalars())
    known = [key for key, row in first.items() if row["id"] not in new]
    rows: dict[str, Mapping[str, Any]] = dict(first)
    if known:
        others = sa.select(commands).where(commands.c.account == account, commands.c.key.in_(known))
        rows.update({row["key"]: row for row in connection.execute(others).mappings()})
    return [KeptCommand(rows[row["key"]], is_new=row["id"] in new) for row in lot]


@cache
def _insert(dialect: str) -> sa.Executable:
    return (
        insert_into(commands, dialect)
        .on_conflict_do_nothing(index_elements=[commands.c.account, commands.c.key])
        .returning(commands.c.id)
    )


def _ask_again(connection: sa.Connection, lot: Sequence[Row], kept: Sequence[KeptCommand]) -> None:
    """Mark known commands that an ERP asks for: it was not answered, or did not ask before."""
    ids = [
        command.row["id"]
        for row, command in zip(lot, kept, strict=True)
        if row["asked_by_erp"] and not command.is_new
    ]
    if ids:
        statement = sa.update(commands).where(commands.c.id.in_(ids))
        connection.execute(statement.values(asked_by_erp=True, told=None))


def _entry(row: Mapping[str, Any], now: datetime) -> JournalLine:
    what = "command.refused" if row["outcome"] == "refused" else "command.accepted"
    note = f"{row['kind']} {row['id']} from {row['source']}"
    return JournalLine(now, row["account"], row["order_id"] or None, what, note=note)
