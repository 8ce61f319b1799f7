"""What people decide about parked commands: try again, mend, or give up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from orders_sync.commands.verdicts import Intent
from orders_sync.domain.announcements import Told
from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import Dispatch, Step
from orders_sync.errors import OrdersSyncError
from orders_sync.ledger.acts import Act, keep_act
from orders_sync.ledger.engine import Database
from orders_sync.ledger.journal import Entry, write_entries
from orders_sync.ledger.lines import align
from orders_sync.ledger.locks import lock
from orders_sync.ledger.outbox import Outbox, of_command
from orders_sync.ledger.tables import commands, orders
from orders_sync.ledger.wakeups import next_of, settle

Row = dict[str, Any]

#: Begins the key of a command that was refused before it was accepted.
REFUSED_KEY = "refused/"


class DecisionRefused(OrdersSyncError):
    """Raised when a decision cannot be carried out; the message says what can be done."""


class Decisions:
    """Carries decisions out, each in one transaction with its line in the operator's log.

    Every method raises `DecisionRefused` where the command is not parked.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def retry(self, command_id: str, first_step: Step, act: Act) -> Sequence[Dispatch]:
        """Have a command judged and sent again; one that VTEX has taken is followed further.

        Returns what to dispatch at once.

        Raises:
            DecisionRefused: it was never accepted, so that it needs an edit first.
        """
        with self._database.writing() as connection:
            row = _parked(connection, command_id)
            if row.key.startswith(REFUSED_KEY):
                raise DecisionRefused(
                    f"Command {command_id} was never accepted ({row.reason}), and a retry changes "
                    f"nothing. Mend it: orders-sync parked edit {command_id}"
                )
            restart: Row = {} if row.progress == "sent" else _beginning(first_step)
            changes = {**restart, **_opened(act.at)}
            return self._reopen(connection, row, changes, "parked retry", act)

    def edit(self, command_id: str, first_step: Step, changes: Row, act: Act) -> Sequence[Dispatch]:
        """Change a command (columns, already checked) and have it sent.

        Raises:
            DecisionRefused: VTEX has taken it, or its new key belongs to another command.
        """
        with self._database.writing() as connection:
            row = _parked(connection, command_id)
            if row.progress == "sent":
                raise DecisionRefused(
                    f"VTEX has taken command {command_id} (receipt {row.receipt}), so it can be "
                    "changed no more. Retry it to follow it, or send a new command."
                )
            _refuse_taken_key(connection, row, changes.get("key", row.key))
            if row.intent is not None:
                intent = replace(Intent.from_json(row.intent), is_edited=True)
                changes = {"intent": intent.to_json(), **changes}
            changes = {**_beginning(first_step), **_opened(act.at), **changes}
            return self._reopen(connection, row, changes, "parked edit", act)

    def discard(self, command_id: str, act: Act) -> Sequence[Dispatch]:
        """Give a command up and have its ERP told why; gives what waited for it, to dispatch."""
        with self._database.writing() as connection:
            row = _parked(connection, command_id)
            changes: Row = {
                "standing": Standing.VOID,
                "outcome": "refused",
                "told": None,
                "cause": "command.discarded",
                "reason": f"Discarded: {act.why}",
                "hint": None,
                "due_at": None,
            }
            if row.kind == "change" and row.progress == "sent":
                # Whoever waits for the change need not wait any longer.
                changes["progress"] = "ended"
            discarded = _decide(connection, row, changes, "parked discard", act)
            told = of_command(discarded, told=Told.COMMAND_DISCARDED, at=act.at)
            self._database.outbox.write(connection, told)
            settle(connection, row.account, row.order_id, now=act.at)
            return _go_on(connection, row, act.at)

    @staticmethod
    def _reopen(
        connection: sa.Connection, row: sa.Row[Any], changes: Row, did: str, act: Act
    ) -> Sequence[Dispatch]:
        return _go_on(connection, _decide(connection, row, changes, did, act), act.at)


def _opened(now: datetime) -> Row:
    return {
        "standing": Standing.ACTIVE,
        "outcome": "accepted",
        "attempts": 0,
        "failing_since": None,
        "cause": None,
        "reason": None,
        "hint": None,
        "due_at": now,
        "retried_at": now,
    }


def _go_on(connection: sa.Connection, row: sa.Row[Any], now: datetime) -> Sequence[Dispatch]:
    """Put the order's lines right, and return what goes on at once where no task has the order."""
    align(connection, row.account, row.order_id, now=now)
    return next_of(connection, row.account, row.order_id, now=now, read=False)


def close_earlier_failures(
    connection: sa.Connection, outbox: Outbox, done: sa.Row[Any], *, now: datetime
) -> None:
    """Close parked commands that asked for what another command of the order has now done.

    The same is: a cancellation or its denial, an invoice of the same number, the same content
    under another key, or what the caller corrected and sent again under its own key.
    """
    same = [commands.c.fingerprint == done.fingerprint]
    if done.kind in {"cancel", "deny"}:
        same.append(commands.c.kind == done.kind)
    if done.kind == "invoice":
        is_same_number = commands.c.vtex_number == done.vtex_number
        same.append(sa.and_(commands.c.kind == done.kind, is_same_number))
    if done.asked_key is not None:
        is_earlier = commands.c.created_at < done.created_at
        same.append(sa.and_(commands.c.asked_key == done.asked_key, is_earlier))
    statement = (
        sa.update(commands)
        .where(
            commands.c.account == done.account,
            commands.c.order_id == done.order_id,
            commands.c.id != done.id,
            commands.c.standing == Standing.PARKED,
            sa.or_(*same),
        )
        .values(
            standing=Standing.DONE,
            # An ERP that was told of a refusal holds it for final.
            outcome=sa.case((commands.c.outcome == "refused", "refused"), else_="done"),
            cause="command.closed",
            reason=f"Command {done.id} did it later.",
            hint=None,
            updated_at=now,
        )
        .returning(commands)
    )
    closed = connection.execute(statement).all()
    notes = (f"{row.kind} {row.id}: command {done.id} did it" for row in closed)
    write_entries(
        connection,
        [Entry(now, done.account, done.order_id, "command.closed", note=note) for note in notes],
    )
    for row in closed:
        outbox.write(connection, of_command(row, told=Told.COMMAND_CLOSED, at=now))


def _parked(connection: sa.Connection, command_id: str) -> sa.Row[Any]:
    # The order is locked before its commands, as it is by everybody else.
    is_order = sa.and_(
        commands.c.account == orders.c.account, commands.c.order_id == orders.c.order_id
    )
    order = sa.select(orders.c.version).join(commands, is_order).where(commands.c.id == command_id)
    lock(connection, order.with_for_update(of=orders))
    found = sa.select(commands).where(commands.c.id == command_id).with_for_update()
    row = connection.execute(found).one_or_none()
    if row is None:
        raise DecisionRefused(
            f"There is no command {command_id}. See the parked ones: orders-sync parked list"
        )
    if row.standing != Standing.PARKED:
        raise DecisionRefused(f"Command {command_id} is not parked: it is {row.standing}.")
    return row


def _beginning(first_step: Step) -> Row:
    return {"progress": "accepted", "receipt": None, "value_cents": None, "next_step": first_step}


def _refuse_taken_key(connection: sa.Connection, row: sa.Row[Any], key: str) -> None:
    other = sa.select(commands.c.id).where(
        commands.c.account == row.account, commands.c.key == key, commands.c.id != row.id
    )
    holder = connection.execute(other).scalar_one_or_none()
    if holder is not None:
        raise DecisionRefused(
            f"The key {key!r} belongs to command {holder}. Is that the same? Discard this one. "
            "Is it not? Give this one a key of its own: --key"
        )


def _decide(
    connection: sa.Connection, row: sa.Row[Any], changes: Row, did: str, act: Act
) -> sa.Row[Any]:
    statement = (
        sa.update(commands)
        .where(commands.c.id == row.id)
        .values(version=row.version + 1, updated_at=act.at, **changes)
        .returning(commands)
    )
    decided = connection.execute(statement).one()
    verb = {"parked retry": "retried", "parked edit": "edited"}.get(did, "discarded")
    note = f"{row.kind} {row.id} by a person"
    write_entries(
        connection,
        [Entry(act.at, decided.account, decided.order_id or None, f"command.{verb}", note=note)],
    )
    keep_act(
        connection,
        act,
        f"{did} {row.id}",
        account=decided.account,
        order_id=decided.order_id or None,
    )
    return decided
