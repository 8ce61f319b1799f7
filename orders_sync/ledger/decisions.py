"""What people decide about parked orders and commands: try again, correct, or give up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from orders_sync.commands.verdicts import Intent
from orders_sync.domain.announcements import Announcement, EventType
from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import Dispatch, Step
from orders_sync.errors import OrdersSyncError
from orders_sync.ledger.engine import Database
from orders_sync.ledger.journal import Act, JournalLine, keep_act, write_entries
from orders_sync.ledger.order_rows import OF_ACCOUNT, OF_ORDER, forget_given, of_order
from orders_sync.ledger.outbox import Outbox, of_commands
from orders_sync.ledger.standings import done, opened, voided
from orders_sync.ledger.statements import Row, lock
from orders_sync.ledger.tables import commands, orders
from orders_sync.ledger.wakeups import Windows, align, next_of, request_reads, settle
from orders_sync.terminal import order_command

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
            return _reopen(connection, row, first_step, {}, "retry", act)

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
            return _reopen(connection, row, first_step, changes, "edit", act)

    def discard(self, command_id: str, act: Act) -> Sequence[Dispatch]:
        """Void a command; its ERP is told why, and what waited for it goes on."""
        with self._database.writing() as connection:
            row = _parked(connection, command_id)
            void_commands(
                connection,
                self._database.outbox,
                commands.c.id == command_id,
                cause="command.discarded",
                reason=f"Discarded: {act.why}",
                at=act.at,
            )
            _log(connection, row, "discard", act)
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
            if row.next_step == Step.TELL_CHANGE:
                what = "change.discarded"
                # What changed while it was parked is looked for soon.
                given = {"erp_revision": row.revision, "compare_at": act.at}
                _close_order(connection, account, order_id, done(at=act.at).of_order | given)
                forget_given(connection, account, order_id)
            else:
                what = "order.discarded"
                void_order(
                    connection,
                    self._database.outbox,
                    account,
                    order_id,
                    cause="order.discarded",
                    reason=f"Discarded: {act.why}",
                    at=act.at,
                )
            write_entries(
                connection, [JournalLine(act.at, account, order_id, what, note="by a person")]
            )
            keep_act(connection, act, "parked discard", account=account, order_id=order_id)
            settle(connection, account, order_id, now=act.at)
            return next_of(connection, account, order_id, now=act.at)

    def _read(
        self, connection: sa.Connection, account: str, order_id: str, act: Act, did: str
    ) -> Sequence[Dispatch]:
        keep_act(connection, act, did, account=account, order_id=order_id)
        return request_reads(connection, account, [order_id], windows=self._windows, now=act.at)


def void_order(
    connection: sa.Connection,
    outbox: Outbox,
    account: str,
    order_id: str,
    *,
    cause: str,
    reason: str | None,
    at: datetime,
) -> None:
    """Void an order, if it is parked."""
    version = _close_order(
        connection, account, order_id, voided(cause=cause, reason=reason, at=at).of_order
    )
    if version is not None:
        discarded, mark = EventType.ORDER_DISCARDED, f"{version}"
        event = Announcement(discarded, at, account, mark=mark, order_id=order_id, cause=cause)
        outbox.write(connection, [event])


def _close_order(
    connection: sa.Connection, account: str, order_id: str, changes: Row
) -> int | None:
    """Write the end of an order that is parked; return its version, None where it is not."""
    statement = (
        sa.update(orders)
        .filter_by(account=account, order_id=order_id, standing=Standing.PARKED)
        .values(**changes, news=False, version=orders.c.version + 1)
    )
    version: int | None = connection.execute(
        statement.returning(orders.c.version)
    ).scalar_one_or_none()
    return version


def void_commands(
    connection: sa.Connection,
    outbox: Outbox,
    which: sa.ColumnElement[bool],
    *,
    cause: str,
    reason: str,
    at: datetime,
) -> None:
    """Void those of some commands that are parked; an ERP that asked for one is told."""
    is_running_change = sa.and_(commands.c.kind == "change", commands.c.progress == "sent")
    statement = (
        sa.update(commands)
        .where(which, commands.c.standing == Standing.PARKED)
        .values(
            **voided(cause=cause, reason=reason, at=at).of_command,
            # What waits for the end of a change need not wait any longer.
            progress=sa.case((is_running_change, "ended"), else_=commands.c.progress),
            told=None,
            version=commands.c.version + 1,
        )
        .returning(commands)
    )
    rows = connection.execute(statement).all()
    outbox.write(connection, of_commands(rows, event_type=EventType.COMMAND_DISCARDED, at=at))


def _go_on(connection: sa.Connection, row: sa.Row[Any], now: datetime) -> Sequence[Dispatch]:
    """Put the order's lines right, and return what goes on at once where no task has the order."""
    align(connection, row.account, row.order_id, now=now)
    return next_of(connection, row.account, row.order_id, now=now, read=False)


def close_earlier_failures(
    connection: sa.Connection, outbox: Outbox, later: sa.Row[Any], *, now: datetime
) -> None:
    """Close parked commands that asked for what another command of the order has now done.

    The same is: a cancellation or its denial, an invoice of the same number, the same content
    under another key, or what the caller corrected and sent again under its own key.
    """
    same = [commands.c.fingerprint == later.fingerprint]
    if later.kind in {"cancel", "deny"}:
        same.append(commands.c.kind == later.kind)
    if later.kind == "invoice":
        is_same_number = commands.c.vtex_number == later.vtex_number
        same.append(sa.and_(commands.c.kind == later.kind, is_same_number))
    if later.asked_key is not None:
        is_earlier = commands.c.created_at < later.created_at
        same.append(sa.and_(commands.c.asked_key == later.asked_key, is_earlier))
    end = done(cause="command.closed", reason=f"Command {later.id} did it later.", at=now)
    statement = (
        sa.update(commands)
        .where(
            commands.c.account == later.account,
            commands.c.order_id == later.order_id,
            commands.c.id != later.id,
            commands.c.standing == Standing.PARKED,
            sa.or_(*same),
        )
        .values(
            **end.of_command,
            # An ERP that was told of a refusal holds it for final.
            outcome=sa.case((commands.c.outcome == "refused", "refused"), else_="done"),
        )
        .returning(commands)
    )
    closed = connection.execute(statement).all()
    account, order_id, what = later.account, later.order_id, "command.closed"
    write_entries(
        connection,
        [
            JournalLine(
                now, account, order_id, what, note=f"{row.kind} {row.id}: {later.id} did it later"
            )
            for row in closed
        ],
    )
    outbox.write(connection, of_commands(closed, event_type=EventType.COMMAND_CLOSED, at=now))


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


def _reopen(
    connection: sa.Connection,
    row: sa.Row[Any],
    first_step: Step,
    changes: Row,
    verb: str,
    act: Act,
) -> Sequence[Dispatch]:
    """Make a command due from its first step on, or to be followed where VTEX has taken it."""
    is_sent = row.progress == "sent"
    again = opened(None if is_sent else first_step, at=act.at, outcome="accepted").of_command
    if not is_sent:
        again |= {"progress": "accepted", "receipt": None, "value_cents": None}
    again |= {"retried_at": act.at, "version": row.version + 1}
    statement = sa.update(commands).where(commands.c.id == row.id).values(again | changes)
    reopened = connection.execute(statement.returning(commands)).one()
    _log(connection, reopened, verb, act)
    return _go_on(connection, reopened, act.at)


def _log(connection: sa.Connection, row: sa.Row[Any], verb: str, act: Act) -> None:
    account, order_id = row.account, row.order_id or None
    what = f"command.{_DONE[verb]}"
    note = f"{row.kind} {row.id} by a person"
    write_entries(connection, [JournalLine(act.at, account, order_id, what, note=note)])
    keep_act(connection, act, f"parked {verb} {row.id}", account=account, order_id=order_id)


_STATE: Final[sa.Select[Any]] = (
    sa.select(
        orders.c.standing,
        orders.c.next_step,
        orders.c.revision,
        orders.c.lease_until,
    )
    .where(orders.c.account == OF_ACCOUNT, orders.c.order_id == OF_ORDER)
    .with_for_update()
)


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
