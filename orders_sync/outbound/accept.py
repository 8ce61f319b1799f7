"""Accepts commands, whichever way they come in: checked, kept, then dispatched by id."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import structlog

from orders_sync.domain.acceptance import (
    LONGEST,
    Acceptable,
    NotAcceptedError,
    check,
    raw_text,
    require_storable,
    storable,
    vtex_number_of,
)
from orders_sync.domain.commands import Command
from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import Dispatch, Step
from orders_sync.domain.time import Clock
from orders_sync.ledger import Ledger
from orders_sync.ledger.journal import Entry

log = structlog.get_logger(__name__)

Source = Literal["service", "erp", "cli", "rules"]

FIRST_STEP: dict[str, Step] = {
    "invoice": Step.SEND_INVOICE,
    "track": Step.SEND_TRACKING,
    "cancel": Step.SEND_CANCEL,
    "deny": Step.SEND_DENY,
    "change": Step.SEND_CHANGE,
    "note": Step.SEND_NOTE,
}

#: As much of a command that was refused as is kept for a person to mend.
_KEPT_CHARACTERS = 100_000


@dataclass(frozen=True, slots=True)
class Accepted:
    """The command that is kept; `is_new` unless it was accepted before.

    `refusal` says why it was refused: it is kept all the same, parked, where a person sees it.
    """

    command_id: str
    is_new: bool
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    """What accepting uses: the ledger, the time, new ids, and a way to dispatch."""

    ledger: Ledger
    clock: Clock
    new_id: Callable[[], str]
    dispatch: Callable[[Dispatch], None]
    max_bytes: int


def accept(command: Command, *, account: str, source: Source, desk: Desk) -> Accepted:
    """Keep a command and have it sent.

    The same key with the same content is the same command; with other content it is refused, and
    so is what cannot be understood. A refused command is kept, parked, with the reason.

    Raises:
        LedgerUnavailable: nothing was kept; the caller must not take it for accepted.
    """
    now = desk.clock()
    try:
        require_storable("account", account)
        wanted = check(command, max_bytes=desk.max_bytes)
    except NotAcceptedError as error:
        kept_under = storable(account)[: LONGEST["account"]]
        return _refuse(command, kept_under, source, error, desk, now)
    row = _row(wanted, command, account, source, desk.new_id(), now, now + desk.ledger.lease)
    kept, is_new = desk.ledger.commands.add(row, _entry(account, row, "command.accepted", now))
    if kept["fingerprint"] != wanted.fingerprint:
        conflict = NotAcceptedError(
            "command.key_conflict",
            f"key: {wanted.key!r} is command {kept['id']} ({kept['kind']} of order "
            f"{kept['order_id']}) with other content; give this one another key",
        )
        return _refuse(command, account, source, conflict, desk, now)
    if is_new:
        _go_on(account, wanted, row["id"], desk, now)
    return Accepted(kept["id"], is_new)


def _go_on(account: str, wanted: Acceptable, command_id: str, desk: Desk, now: datetime) -> None:
    if wanted.kind == "sync":
        read = desk.ledger.orders.look_again(account, wanted.order_id, now=now)
        if read is not None:
            desk.dispatch(read)
        return
    desk.dispatch(Dispatch(account, wanted.order_id, FIRST_STEP[wanted.kind], command_id))


def _row(
    wanted: Acceptable,
    command: Command,
    account: str,
    source: Source,
    command_id: str,
    now: datetime,
    due_at: datetime,
) -> dict[str, Any]:
    is_done = wanted.kind == "sync"
    return {
        **_common(command, account, source, command_id, now),
        "kind": wanted.kind,
        "key": wanted.key,
        "fingerprint": wanted.fingerprint,
        "body": wanted.text,
        "progress": "done" if is_done else "accepted",
        "standing": Standing.DONE if is_done else Standing.ACTIVE,
        "outcome": "done" if is_done else "accepted",
        "next_step": FIRST_STEP.get(wanted.kind),
        "vtex_number": vtex_number_of(wanted.body),
        "due_at": None if is_done else due_at,
    }


def _refuse(
    command: Command,
    account: str,
    source: Source,
    error: NotAcceptedError,
    desk: Desk,
    now: datetime,
) -> Accepted:
    """Keep a refused command for a person; the same rubbish again is kept once."""
    body = storable(raw_text(command.body))[:_KEPT_CHARACTERS]
    kind = storable(f"{command.kind}")[:20]
    seen = f"{kind}|{command.order_id}|{command.key}|{error.cause}|{body}"
    fingerprint = hashlib.sha256(seen.encode(errors="replace")).hexdigest()
    common = _common(command, account, source, desk.new_id(), now)
    row = {
        **common,
        "kind": kind,
        "key": f"refused/{fingerprint}",
        "fingerprint": fingerprint,
        "body": body if error.cause != "command.too_large" else "{}",
        "progress": "accepted",
        "standing": Standing.PARKED,
        "outcome": "refused",
        "next_step": FIRST_STEP.get(kind),
        "cause": error.cause,
        "reason": error.message,
        "hint": "Correct it where it came from and send it again, or edit it here: "
        f"orders-sync parked edit {common['id']}",
    }
    kept, is_new = desk.ledger.commands.add(row, _entry(account, row, "command.refused", now))
    log.error("command.refused", command_id=kept["id"], cause=error.cause, reason=error.message)
    return Accepted(kept["id"], is_new, error.message)


def _common(
    command: Command, account: str, source: Source, command_id: str, now: datetime
) -> dict[str, Any]:
    return {
        "id": command_id,
        "account": account,
        "order_id": storable(command.order_id or "")[: LONGEST["order_id"]],
        "asked_key": None if command.key is None else storable(command.key)[:_KEPT_CHARACTERS],
        "source": source,
        "attempts": 0,
        "version": 0,
        "created_at": now,
        "updated_at": now,
    }


def _entry(account: str, row: dict[str, Any], what: str, now: datetime) -> Entry:
    note = f"{row['kind']} {row['id']} from {row['source']}"
    return Entry(now, account, row["order_id"] or None, what, note=note)
