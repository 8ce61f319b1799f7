"""What people decide about parked orders and commands: try again, correct, or give up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from orders_sync.commands.verdicts import Intent
from orders_sync.domain.announcements import Announcement, Told
from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import Dispatch, Step
from orders_sync.errors import OrdersSyncError
from orders_sync.ledger.engine import Database
from orders_sync.ledger.journal import Act, JournalLine, keep_act, write_entries
from orders_sync.ledger.order_rows import OF_ACCOUNT, OF_ORDER, forget_given, of_order
from orders_sync.ledger.outbox import Outbox, of_command
from orders_sync.ledger.statements import lock
from orders_sync.ledger.tables import commands, orders
from orders_sync.ledger.wakeups import Windows, align, next_of, request_reads, settle
from orders_sync.terminal import order_command

Row = dict[str, Any]

#: Begins the key of a command that was refused before it was accepted.
REFUSED_KEY = "refused/"


class DecisionRefused(OrdersSyncError):
    """Raised when a decision cannot be carried out; the message says what can be done."""


class Decisions:
    """Carries decisions out, each in one transaction with its line in the operator's log.

    Every method returns what to dispatch at once. All but `read_order` raise `DecisionRefused`
    where the order or command is not parked.
    """

    def __init__(self, database: Database, windows: Windows) -> None:
        self._database = database
        self._windows = windows

    def retry(self, command_id: str, first_step: Step, act: Act) -> Sequence[Dispatch]:
        """Judge and send a command again; follow one that VTEX has taken.

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
            decided = _decide(connection, row, restart | _opened(act.at), "retry", act)
            return _go_on(connection, decided, act.at)

    def edit(self, command_id: str, first_step: Step, changes: Row, act: Act) -> Sequence[Dispatch]:
        """Change a command (columns, already checked) and send it.

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
            return _go_on(connection, _decide(connection, row, changes, "edit", act), act.at)

    def discard(self, command_id: str, act: Act) -> Sequence[Dispatch]:
        """Void a command; its ERP is told why, and what waited for it goes on."""
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
                # What waits for the change need not wait any longer.
                changes["progress"] = "ended"
            discarded = _decide(connection, row, changes, "discard", act)
            told = of_command(discarded, told=Told.COMMAND_DISCARDED, at=act.at)
            self._database.outbox.write(connection, told)
            settle(connection, row.account, row.order_id, now=act.at)
            return _go_on(connection, row, act.at)

    def retry_order(self, account: str, order_id: str, act: Act) -> Sequence[Dispatch]:
        """Read a parked order again, and go on from what that says."""
        with self._database.writing() as connection:
            _parked_order(connection, account, order_id)
            return self._read(connection, account, order_id, act, "parked retry")

    def read_order(self, account: str, order_id: str, act: Act) -> Sequence[Dispatch]:
        """Read any order again, also one that is not known."""
        with self._database.writing() as connection:
            return self._read(connection, account, order_id, act, "orders sync")

    def discard_order(self, account: str, order_id: str, act: Act) -> Sequence[Dispatch]:
        """Void a parked order; its events may be acknowledged.

        Of one that is parked because its ERP did not take a change, only the change is discarded:
        the ERP goes on with the order as it is, and is asked about the change no more. A new event
        of the order takes it up again.

        Raises:
            DecisionRefused: it is not parked, or a command is being sent for it.
        """
        with self._database.writing() as connection:
            row = _parked_order(connection, account, order_id)
            if row.lease_until is not None and row.lease_until > act.at:
                raise DecisionRefused(
                    f"A command is being sent for order {order_id} of {account}. "
                    "Try again in a minute."
                )
            is_change = row.next_step == Step.TELL_CHANGE
            outcome = _change_settled(row, act) if is_change else _given_up(act)
            connection.execute(
                sa.update(orders)
                .where(orders.c.account == account, orders.c.order_id == order_id)
                .values(version=row.version + 1, updated_at=act.at, **_CLOSED, **outcome)
            )
            what = "change.discarded" if is_change else "order.discarded"
            write_entries(
                connection, [JournalLine(act.at, account, order_id, what, note="by a person")]
            )
            keep_act(connection, act, "parked discard", account=account, order_id=order_id)
            if is_change:
                forget_given(connection, account, order_id)
            else:
                told = discarded_order(account, order_id, row.version + 1, what, at=act.at)
                self._database.outbox.write(connection, [told])
            settle(connection, account, order_id, now=act.at)
            return next_of(connection, account, order_id, now=act.at)

    def _read(
        self, connection: sa.Connection, account: str, order_id: str, act: Act, did: str
    ) -> Sequence[Dispatch]:
        keep_act(connection, act, did, account=account, order_id=order_id)
        return request_reads(connection, account, [order_id], windows=self._windows, now=act.at)


def discarded_order(
    account: str, order_id: str, version: int, cause: str, *, at: datetime
) -> Announcement:
    """Return what endpoints are told of an order that a person gave up."""
    return Announcement(
        Told.ORDER_DISCARDED, at, account, mark=f"{version}", order_id=order_id, cause=cause
    )


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
        [
            JournalLine(now, done.account, done.order_id, "command.closed", note=note)
            for note in notes
        ],
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
    command = sa.select(commands).where(commands.c.id == command_id).with_for_update()
    row = connection.execute(command).one_or_none()
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


_DONE: Final = {"retry": "retried", "edit": "edited", "discard": "discarded"}


def _decide(
    connection: sa.Connection, row: sa.Row[Any], changes: Row, verb: str, act: Act
) -> sa.Row[Any]:
    statement = (
        sa.update(commands)
        .where(commands.c.id == row.id)
        .values(version=row.version + 1, updated_at=act.at, **changes)
        .returning(commands)
    )
    decided = connection.execute(statement).one()
    account, order_id = decided.account, decided.order_id or None
    what, note = f"command.{_DONE[verb]}", f"{row.kind} {row.id} by a person"
    write_entries(connection, [JournalLine(act.at, account, order_id, what, note=note)])
    keep_act(connection, act, f"parked {verb} {row.id}", account=account, order_id=order_id)
    return decided


_STATE: Final[sa.Select[Any]] = (
    sa.select(
        orders.c.standing,
        orders.c.next_step,
        orders.c.revision,
        orders.c.version,
        orders.c.lease_until,
    )
    .where(orders.c.account == OF_ACCOUNT, orders.c.order_id == OF_ORDER)
    .with_for_update()
)
#: What ends a parked order's work.
_CLOSED: Final[Row] = {
    "next_step": None,
    "news": False,
    "due_at": None,
    "dispatched_until": None,
    "hint": None,
}


def _given_up(act: Act) -> Row:
    return {
        "standing": Standing.VOID,
        "cause": "order.discarded",
        "reason": f"Discarded: {act.why}",
    }


def _change_settled(row: sa.Row[Any], act: Act) -> Row:
    """Return what has an order go on whose ERP is told no more of a change.

    What changed while it was parked is looked for soon.
    """
    return {
        "standing": Standing.DONE,
        "erp_revision": row.revision,
        "compare_at": act.at,
        "cause": None,
        "reason": None,
    }


def _parked_order(connection: sa.Connection, account: str, order_id: str) -> sa.Row[Any]:
    row = connection.execute(_STATE, of_order(account, order_id)).one_or_none()
    if row is None:
        raise DecisionRefused(
            f"{order_id} is neither a command nor an order of {account} in the ledger. "
            "See what is parked: orders-sync parked list"
        )
    if row.standing != Standing.PARKED:
        raise DecisionRefused(
            f"Order {order_id} of {account} is not parked: it is {row.standing}. Read it afresh: "
            f"{order_command('orders sync', order_id, account)}"
        )
    return row
