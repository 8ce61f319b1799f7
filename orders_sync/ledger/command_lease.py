"""A command's row: taken with its order, and written under the version that it was taken with."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from orders_sync.domain.steps import CommandClaim, Dispatch
from orders_sync.errors import LeaseLost
from orders_sync.ledger.order_lease import IS_OF_ORDER, UNTIL, may_be_taken, of_order
from orders_sync.ledger.tables import commands, orders

Row = dict[str, Any]

_OF_ID: Final[sa.BindParameter[str]] = sa.bindparam("of_id")
_IS_COMMAND: Final = sa.and_(IS_OF_ORDER, commands.c.id == _OF_ID)
_IS_UNDER_VERSION: Final = sa.and_(
    commands.c.id == _OF_ID, commands.c.version == sa.bindparam("of_version")
)

_TAKE: Final = (
    sa.update(commands)
    .where(_IS_COMMAND, may_be_taken(commands))
    .values(version=commands.c.version + 1, dispatched_until=UNTIL)
    .returning(
        commands.c.kind,
        commands.c.body,
        commands.c.progress,
        commands.c.receipt,
        commands.c.intent,
        commands.c.position,
        commands.c.version,
        commands.c.attempts,
        commands.c.failing_since,
        commands.c.created_at,
        commands.c.retried_at,
    )
)
_ORPHAN: Final = sa.select(commands.c.id).where(
    _IS_COMMAND,
    ~sa.exists().where(
        orders.c.account == commands.c.account, orders.c.order_id == commands.c.order_id
    ),
)
_LEAVE: Final = sa.update(commands).where(_IS_COMMAND).values(dispatched_until=None)
_NOTE: Final = sa.update(commands).where(_IS_UNDER_VERSION).returning(commands.c.version)
_RELEASE: Final = (
    sa.update(commands)
    .where(_IS_UNDER_VERSION)
    .returning(
        commands.c.id,
        commands.c.account,
        commands.c.order_id,
        commands.c.kind,
        commands.c.fingerprint,
        commands.c.vtex_number,
        commands.c.asked_key,
        commands.c.created_at,
        commands.c.standing,
        commands.c.due_at,
        commands.c.outcome,
        commands.c.told,
        commands.c.asked_by_erp,
        commands.c.cause,
        commands.c.receipt,
        commands.c.version,
    )
)


def take_command(
    connection: sa.Connection,
    message: Dispatch,
    *,
    order_version: int,
    due_by: datetime,
    until: datetime,
) -> CommandClaim | None:
    """Take a command whose order the caller has; None where its step is past or not yet due."""
    terms = _names(message) | {"of_step": message.step, "due_by": due_by, "until": until}
    row = connection.execute(_TAKE, terms).one_or_none()
    if row is None:
        return None
    return CommandClaim(
        command_id=terms["of_id"],
        account=message.account,
        order_id=message.order_id,
        step=message.step,
        kind=row.kind,
        body=row.body,
        progress=row.progress,
        receipt=row.receipt,
        intent=row.intent,
        position=row.position,
        version=row.version,
        order_version=order_version,
        attempts=row.attempts,
        failing_since=row.failing_since,
        created_at=row.created_at,
        waiting_since=row.retried_at or row.created_at,
        lease_until=until,
    )


def is_orphan(connection: sa.Connection, message: Dispatch) -> bool:
    """Check whether the order of a command is not known."""
    return connection.execute(_ORPHAN, _names(message)).one_or_none() is not None


def leave_command(connection: sa.Connection, message: Dispatch) -> None:
    """Note that a command's message is used up; who frees its order dispatches it."""
    connection.execute(_LEAVE, _names(message))


def note_intent(connection: sa.Connection, claim: CommandClaim, intent: str | None) -> None:
    """Note what is known of a write to VTEX.

    Raises:
        LeaseLost: another worker has taken the command over; nothing was written.
    """
    _write(connection, _NOTE, claim, {"intent": intent})


def release_command(connection: sa.Connection, claim: CommandClaim, changes: Row) -> sa.Row[Any]:
    """Write what became of a command; return its row.

    Raises:
        LeaseLost: another worker has taken the command over; nothing was written.
    """
    return _write(connection, _RELEASE, claim, changes)


def _write(
    connection: sa.Connection, statement: sa.UpdateBase, claim: CommandClaim, changes: Row
) -> sa.Row[Any]:
    under = {"of_id": claim.command_id, "of_version": claim.version}
    row = connection.execute(statement, under | changes).one_or_none()
    if row is None:
        raise LeaseLost(f"Command {claim.command_id} was taken over during {claim.step}.")
    return row


def _names(message: Dispatch) -> Row:
    return of_order(message.account, message.order_id) | {"of_id": message.command_id or ""}
