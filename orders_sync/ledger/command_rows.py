"""Commands' rows: taken with their order, written under their version, and read for the rules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from pydantic import ValidationError

from orders_sync.commands.body import Body, ParcelBody
from orders_sync.commands.change import ChangeBody
from orders_sync.commands.invoice import InvoiceBody
from orders_sync.commands.track import TrackBody
from orders_sync.commands.verdicts import DoneChange, Intent, Known, SentInvoice, SentTracking
from orders_sync.domain.fulfilment import InvoiceType
from orders_sync.domain.rules import OPEN
from orders_sync.domain.steps import CommandClaim, Dispatch
from orders_sync.errors import LeaseLost
from orders_sync.ledger.engine import Database
from orders_sync.ledger.order_rows import (
    IS_OF_ORDER,
    LOCKED,
    OF_ACCOUNT,
    OF_ORDER,
    UNTIL,
    may_be_taken,
    of_order,
    of_orders,
)
from orders_sync.ledger.retention import ERASED
from orders_sync.ledger.statements import Row, Taker, lock
from orders_sync.ledger.tables import commands, journal, orders

B = TypeVar("B", bound=Body)

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
    connection: sa.Connection, message: Dispatch, taker: Taker, *, order_version: int
) -> CommandClaim | None:
    """Take a command whose order the caller has; None where its step is past or not yet due."""
    terms = _names(message) | taker.terms | {"of_step": message.step}
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
        lease_until=taker.until,
    )


def is_orphan(connection: sa.Connection, message: Dispatch) -> bool:
    """Check whether the order of a command is not known."""
    return connection.execute(_ORPHAN, _names(message)).one_or_none() is not None


def leave_command(connection: sa.Connection, message: Dispatch) -> None:
    """Write that a command's message is used up; who frees its order dispatches it."""
    connection.execute(_LEAVE, _names(message))


def note_intent(connection: sa.Connection, claim: CommandClaim, intent: str | None) -> None:
    """Write what is known of a write to VTEX.

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


#: Stands before an outcome in `told` where the ERP did not take the answer.
_UNANSWERABLE = "not "


_UNTOLD: Final = (
    sa.select(
        commands.c.id,
        commands.c.kind,
        commands.c.order_id,
        commands.c.asked_key,
        commands.c.outcome,
        commands.c.reason,
        commands.c.receipt,
    )
    .where(
        commands.c.account == OF_ACCOUNT,
        commands.c.asked_by_erp,
        commands.c.told.is_distinct_from(commands.c.outcome),
        commands.c.told.is_distinct_from(sa.literal(_UNANSWERABLE) + commands.c.outcome),
    )
    .order_by(commands.c.updated_at)
    .limit(sa.bindparam("most"))
)
_OF_ORDER: Final = (
    sa.select(
        commands.c.id,
        commands.c.kind,
        commands.c.progress,
        commands.c.outcome,
        commands.c.vtex_number,
        commands.c.value_cents,
        commands.c.body,
        commands.c.receipt,
        commands.c.intent,
        commands.c.position,
        commands.c.created_at,
        commands.c.updated_at,
    )
    .where(IS_OF_ORDER)
    .order_by(commands.c.updated_at)
)


_CANCELS: Final = (
    sa.select(commands.c.source).where(IS_OF_ORDER, commands.c.kind == "cancel").limit(1)
)


@dataclass(frozen=True, slots=True)
class AskedChanges:
    """What an ERP had changed in its own order; `is_under_way`: one may show or not by now."""

    bodies: Sequence[ChangeBody]
    is_under_way: bool


_ASKED_CHANGES: Final = (
    sa.select(commands.c.id, commands.c.body, commands.c.progress, commands.c.standing)
    .where(
        IS_OF_ORDER,
        commands.c.kind == "change",
        commands.c.asked_by_erp,
        commands.c.outcome != "refused",
        sa.or_(commands.c.progress != "accepted", commands.c.intent.is_not(None)),
    )
    .order_by(commands.c.position)
)
_EDITED: Final = sa.select(journal.c.note).where(
    journal.c.account == OF_ACCOUNT,
    journal.c.order_id == OF_ORDER,
    journal.c.what == "command.edited",
)


class CommandFacts:
    """Reads of commands, and the note of what the ERP was told."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def untold(self, account: str, *, limit: int) -> Sequence[Row]:
        """List commands of the account's ERP whose present outcome it was not told."""
        terms = {"of_account": account, "most": limit}
        with self._database.reading() as connection:
            return [dict(row) for row in connection.execute(_UNTOLD, terms).mappings()]

    def mark_told(self, account: str, rows: Sequence[Row]) -> None:
        """Write that the ERP was told the outcomes of these rows, as `untold` returned them."""
        self._mark(account, rows, "")

    def mark_unanswerable(self, account: str, rows: Sequence[Row]) -> None:
        """Write that the ERP does not take the answers with these outcomes."""
        self._mark(account, rows, _UNANSWERABLE)

    def _mark(self, account: str, rows: Sequence[Row], prefix: str) -> None:
        by_outcome: dict[str, list[str]] = defaultdict(list)
        for row in rows:
            by_outcome[row["outcome"]].append(row["id"])
        if not by_outcome:
            return
        order_ids = sorted({row["order_id"] for row in rows})
        with self._database.writing() as connection:
            lock(connection, LOCKED, of_orders(account, order_ids))
            for outcome, ids in sorted(by_outcome.items()):
                connection.execute(
                    sa.update(commands)
                    .where(commands.c.id.in_(ids))
                    .values(told=f"{prefix}{outcome}")
                )

    def cancelled_by(self, account: str, order_id: str) -> str | None:
        """Return the source of the order's cancellation, where it was a command that VTEX took."""
        statement = _CANCELS.where(commands.c.progress != "accepted")
        with self._database.reading() as connection:
            source: str | None = connection.execute(
                statement, of_order(account, order_id)
            ).scalar_one_or_none()
        return source

    def is_cancelling(self, account: str, order_id: str) -> bool:
        """Check whether a cancellation of the order was asked for and is not at its end."""
        statement = _CANCELS.where(commands.c.outcome == "accepted")
        with self._database.reading() as connection:
            return connection.execute(statement, of_order(account, order_id)).first() is not None

    def asked_changes(self, account: str, order_id: str) -> AskedChanges:
        """Return the changes that the order's ERP asked for and that VTEX has, or may have.

        One that a person edited is none of the ERP's any more, and neither is one that the ERP was
        told is refused.
        """
        terms = of_order(account, order_id)
        with self._database.reading() as connection:
            rows = connection.execute(_ASKED_CHANGES, terms).all()
            edited = set(connection.execute(_EDITED, terms).scalars()) if rows else set()
        own = [row for row in rows if f"change {row.id} by a person" not in edited]
        bodies = [_kept(ChangeBody, row.body) for row in own]
        return AskedChanges(
            bodies=[body for body in bodies if body is not None],
            is_under_way=any(row.standing in OPEN for row in own if row.progress != "done"),
        )

    def known(self, claim: CommandClaim, *, now: datetime, visible_after: timedelta) -> Known:
        """Return what the order's other commands have done or are about to do."""
        with self._database.reading() as connection:
            every = connection.execute(_OF_ORDER, of_order(claim.account, claim.order_id)).all()
        rows = [row for row in every if row.id != claim.command_id]
        done = [row for row in rows if row.progress == "done" and row.body not in ERASED]
        return Known(
            now=now,
            visible_after=visible_after,
            own_intent=None if claim.intent is None else Intent.from_json(claim.intent),
            intents=[Intent.from_json(row.intent) for row in rows if row.intent is not None],
            sent_invoices={
                row.vtex_number: SentInvoice(
                    row.value_cents,
                    row.updated_at,
                    _type_of(row.body),
                    cache(partial(_kept, InvoiceBody, row.body)),
                )
                for row in rows
                if row.kind == "invoice" and row.progress != "accepted" and row.value_cents
            },
            coming_invoices=frozenset(
                row.vtex_number
                for row in rows
                if (row.kind, row.progress, row.outcome) == ("invoice", "accepted", "accepted")
            ),
            receipts=frozenset(row.receipt for row in rows if row.receipt),
            is_changing=any(row.kind == "change" and row.progress == "sent" for row in rows),
            is_cancelling=any(row.kind == "cancel" and row.outcome == "accepted" for row in rows),
            done_changes=[
                DoneChange(change.reason, row.updated_at)
                for row in done
                if row.kind == "change" and (change := _kept(ChangeBody, row.body)) is not None
            ],
            cancelled_at=max(
                (
                    _taken_at(row)
                    for row in every
                    if row.kind == "cancel" and row.progress != "accepted"
                ),
                default=None,
            ),
            sent_tracking=_sent_tracking(done, claim),
        )


def _sent_tracking(done: Sequence[Any], claim: CommandClaim) -> Mapping[str, list[SentTracking]]:
    sent: dict[str, list[SentTracking]] = defaultdict(list)
    for row in done:
        body = _tracking_of(row)
        if body is not None:
            is_later = row.position > claim.position
            sent[row.vtex_number].append(SentTracking(body, row.updated_at, is_later))
    return sent


def _taken_at(row: Any) -> datetime:
    """Return when VTEX took a cancellation; its intent stands until the order shows it."""
    at: datetime = row.updated_at if row.intent is None else Intent.from_json(row.intent).at
    return at


def _type_of(body: str) -> InvoiceType:
    """Return an invoice's type, also where the rest of its body is erased."""
    return "Input" if '"type":"Input"' in body else "Output"


def _tracking_of(row: Any) -> TrackBody | None:
    """Return the tracking that VTEX took of a command; an invoice may have told of one that was."""
    if row.kind == "track":
        return _kept(TrackBody, row.body)
    if row.kind != "invoice" or row.value_cents != 0:
        return None
    invoice = _kept(InvoiceBody, row.body)
    if invoice is None:
        return None
    parcel = invoice.model_dump(include=set(ParcelBody.model_fields))
    return TrackBody.model_construct(invoice_number=row.vtex_number, **parcel)


def _kept(model: type[B], body: str) -> B | None:
    """Return a body as it is kept; None where it is erased, or was taken by laxer rules.

    It stops nothing: it is another command's, and VTEX has taken it.
    """
    try:
        return None if body in ERASED else model.model_validate_json(body)
    except ValidationError:
        return None
