"""Erases what is personal of one order because a person says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from orders_sync.domain.announcements import Announcement, Told
from orders_sync.domain.rules import Standing
from orders_sync.ledger.acts import Act, keep_act
from orders_sync.ledger.decisions import DecisionRefused
from orders_sync.ledger.engine import Database
from orders_sync.ledger.journal import Entry, write_entries
from orders_sync.ledger.lines import align
from orders_sync.ledger.outbox import Outbox, of_command
from orders_sync.ledger.retention import FINISHED, erase_for_good, erase_orders
from orders_sync.ledger.tables import commands, orders
from orders_sync.terminal import order_command

FORGOTTEN = "order.forgotten"

_STATE = sa.select(orders.c.standing, orders.c.lease_until)
_IS_RUNNING_CHANGE = sa.and_(commands.c.kind == "change", commands.c.progress == "sent")


@dataclass(frozen=True, slots=True)
class Forgettable:
    """What of an order waits for a person, and would be given up."""

    is_parked: bool
    parked_commands: Sequence[str]


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was erased, and what was given up for it."""

    documents: int
    commands: int
    given_up: int


def forgettable(database: Database, account: str, order_id: str, *, now: datetime) -> Forgettable:
    """Say what forgetting the order would give up.

    Raises:
        DecisionRefused: the ledger does not know the order, or it is being worked on.
    """
    with database.reading() as connection:
        return _forgettable(connection, account, order_id, _STATE, now)


def forget_order(database: Database, account: str, order_id: str, act: Act) -> Forgotten:
    """Erase the order's document and the bodies of its commands, for good.

    What is parked of it is given up: it is void, and an ERP that asked is told. A new event of
    the order has it read again, and so does `orders sync`.

    Raises:
        DecisionRefused: the ledger does not know the order, or it is being worked on.
    """
    with database.writing() as connection:
        erase_for_good(connection)
        found = _forgettable(connection, account, order_id, _STATE.with_for_update(), act.at)
        erased = erase_orders(connection, [(account, order_id)])
        _give_up(connection, database.outbox, account, order_id, act.at)
        write_entries(connection, [Entry(act.at, account, order_id, FORGOTTEN, note="by a person")])
        keep_act(connection, act, "orders forget", account=account, order_id=order_id)
    return Forgotten(
        erased.documents, erased.commands, found.is_parked + len(found.parked_commands)
    )


def _give_up(
    connection: sa.Connection, outbox: Outbox, account: str, order_id: str, now: datetime
) -> None:
    """Void what is parked of an order."""
    given_up: dict[str, Any] = {
        "standing": Standing.VOID,
        "due_at": None,
        "dispatched_until": None,
        "cause": FORGOTTEN,
        "updated_at": now,
    }
    parked = {"account": account, "order_id": order_id, "standing": Standing.PARKED}
    order = connection.execute(
        sa.update(orders)
        .filter_by(**parked)
        .values(**given_up, next_step=None, news=False, version=orders.c.version + 1)
        .returning(orders.c.version)
    ).one_or_none()
    if order is not None:
        told = Announcement(
            Told.ORDER_DISCARDED,
            now,
            account,
            mark=f"{order.version}",
            order_id=order_id,
            cause=FORGOTTEN,
        )
        outbox.write(connection, [told])
    rows = connection.execute(
        sa.update(commands)
        .filter_by(**parked)
        .values(
            **given_up,
            # Whoever waits for the end of a change need not wait any longer.
            progress=sa.case((_IS_RUNNING_CHANGE, "ended"), else_=commands.c.progress),
            outcome="refused",
            told=None,
            reason="The order was forgotten by a person.",
            version=commands.c.version + 1,
        )
        .returning(commands)
    ).all()
    for row in rows:
        outbox.write(connection, of_command(row, told=Told.COMMAND_DISCARDED, at=now))
    align(connection, account, order_id, now=now)


def _forgettable(
    connection: sa.Connection,
    account: str,
    order_id: str,
    state: sa.Select[Any],
    now: datetime,
) -> Forgettable:
    found = state.where(orders.c.account == account, orders.c.order_id == order_id)
    order = connection.execute(found).one_or_none()
    rows = connection.execute(
        sa.select(commands.c.id, commands.c.standing).where(
            commands.c.account == account, commands.c.order_id == order_id
        )
    ).all()
    if order is None and not rows:
        raise DecisionRefused(
            f"The ledger knows nothing of order {order_id} of {account}, so there is nothing to "
            "forget."
        )
    at_rest = {*FINISHED, Standing.PARKED}
    is_leased = order is not None and order.lease_until is not None and order.lease_until > now
    if is_leased or (order is not None and order.standing not in at_rest):
        raise DecisionRefused(_at_work(f"Order {order_id} of {account}", account, order_id))
    for row in rows:
        if row.standing not in at_rest:
            raise DecisionRefused(_at_work(f"Command {row.id}", account, order_id))
    return Forgettable(
        is_parked=order is not None and order.standing == Standing.PARKED,
        parked_commands=[row.id for row in rows if row.standing == Standing.PARKED],
    )


def _at_work(what: str, account: str, order_id: str) -> str:
    return (
        f"{what} is being worked on, and nothing was erased. Try again when it is done or parked: "
        f"{order_command('orders show', order_id, account)}"
    )
