"""Accepts commands, whichever way they come in: checked, kept, then dispatched by id."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import structlog

from orders_sync.commands import first_step
from orders_sync.commands.acceptance import (
    LONGEST,
    Acceptable,
    NotAcceptedError,
    check,
    raw_text,
    require_storable,
    storable,
)
from orders_sync.commands.lines import is_rest, line_of
from orders_sync.domain.commands import Command
from orders_sync.domain.steps import Dispatch
from orders_sync.domain.time import Clock
from orders_sync.ledger import Ledger
from orders_sync.ledger.acceptance import SYNC, KeptCommand
from orders_sync.ledger.decisions import REFUSED_KEY
from orders_sync.ledger.standings import done, opened, parked
from orders_sync.ledger.statements import Row
from orders_sync.metrics.tracing import NO_TRACING, About, Tracing

log = structlog.get_logger(__name__)

Source = Literal["service", "erp", "cli", "http", "rules"]

#: The columns that not every row fills: rows of one lot have the same ones.
_OPTIONAL: Final = (
    "vtex_number",
    "tracking_number",
    "line",
    "caller",
    "next_step",
    "dispatched_until",
    "failing_since",
)

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


class KeyTakenError(NotAcceptedError):
    """Raised where a key belongs to `command_id`, which has other content."""

    def __init__(self, command_id: str) -> None:
        super().__init__(
            "command.key_conflict",
            f"The key is command {command_id}'s, which has other content: give this one another.",
        )
        self.command_id = command_id


@dataclass(frozen=True, slots=True)
class Intake:
    """What commands are taken in with: the ledger, the time, new ids, and a way to dispatch.

    `traceparent` is the caller's header of W3C, where there is one.
    """

    ledger: Ledger
    clock: Clock
    new_id: Callable[[], str]
    dispatch: Callable[[Sequence[Dispatch]], None]
    max_bytes: int
    tracing: Tracing = NO_TRACING
    traceparent: str | None = None


def accept(
    command: Command,
    *,
    account: str,
    source: Source,
    intake: Intake,
    not_before: datetime | None = None,
) -> Accepted:
    """Keep a command and have it sent, not earlier than it is asked for.

    The same key with the same content is the same command; with other content it is refused, and
    so is what cannot be understood. A refused command is kept, parked, with the reason.

    Raises:
        LedgerUnavailable: nothing was kept; the caller must not take it for accepted.
    """
    [accepted] = accept_all(
        [command], account=account, source=source, intake=intake, not_before=not_before
    )
    return accepted


def accept_or_refuse(
    command: Command, *, account: str, source: Source, caller: str, intake: Intake
) -> Accepted:
    """Keep a command of a caller who waits for the answer, and have it sent.

    What is refused is not kept.

    Raises:
        NotAcceptedError: a field is wrong, or the key is another command's (`KeyTakenError`).
        LedgerUnavailable: nothing was kept.
    """
    lot = _Lot(account, source, intake, intake.clock())
    require_storable("account", account)
    row = lot.checked(command) | {"caller": caller}

    def conflict(_: Row, kept: Mapping[str, Any]) -> Row:
        # It ends the transaction, so that nothing is kept.
        raise KeyTakenError(kept["id"])

    [kept] = lot.keep([row], conflict)
    return _accepted(kept)


def accept_all(
    commands: Sequence[Command],
    *,
    account: str,
    source: Source,
    intake: Intake,
    not_before: datetime | None = None,
) -> Sequence[Accepted]:
    """Keep commands of one account as `accept` does, all in one transaction, and have them sent."""
    lot = _Lot(account, source, intake, intake.clock(), not_before)
    rows = [lot.row_of(command) for command in commands]
    asked = {row["id"]: command for row, command in zip(rows, commands, strict=True)}

    def conflict(row: Row, kept: Mapping[str, Any]) -> Row:
        error = NotAcceptedError(
            "command.key_conflict",
            f"key: {row['key']!r} is command {kept['id']} ({kept['kind']} of order "
            f"{kept['order_id']}) with other content; give this one another key",
        )
        return lot.refused(asked[row["id"]], error)

    return [_accepted(kept) for kept in lot.keep(rows, conflict)]


def content_of(checked: Acceptable) -> Row:
    """Return the columns of a command that its body fills."""
    return {
        "body": checked.text,
        "vtex_number": checked.body.vtex_number,
        "tracking_number": checked.body.parcel_number,
        "line": line_of(checked.kind, checked.body),
        "is_rest": is_rest(checked.body),
    }


@dataclass(frozen=True, slots=True)
class _Lot:
    """Commands that are asked for at once: in which account, by what, and for when."""

    account: str
    source: Source
    intake: Intake
    now: datetime
    not_before: datetime | None = None

    def row_of(self, command: Command) -> Row:
        """Return the row of a command, or of its refusal."""
        try:
            require_storable("account", self.account)
            return self.checked(command)
        except NotAcceptedError as error:
            return self.refused(command, error)

    def checked(self, command: Command) -> Row:
        """Return the row of a command.

        Raises:
            NotAcceptedError: a field is wrong.
        """
        checked = check(command, max_bytes=self.intake.max_bytes)
        step, due_at = first_step(checked.kind), max(self.now, self.not_before or self.now)
        is_done = checked.kind == SYNC
        if is_done:
            beginning = done(step=step, at=self.now, outcome="done")
        else:
            beginning = opened(step, due_at=due_at, at=self.now, outcome="accepted")
        return {
            **self._common(command),
            **content_of(checked),
            "kind": checked.kind,
            "key": checked.key,
            "fingerprint": checked.fingerprint,
            "progress": "done" if is_done else "accepted",
            **beginning.of_command,
        }

    def refused(self, command: Command, error: NotAcceptedError) -> Row:
        """Return the row of a refused command, for a person; the same again is kept once."""
        body = storable(raw_text(command.body))[:_KEPT_CHARACTERS]
        kind = storable(f"{command.kind}")[:20]
        seen = f"{kind}|{command.order_id}|{command.key}|{error.cause}|{body}"
        fingerprint = hashlib.sha256(seen.encode(errors="replace")).hexdigest()
        common = self._common(command)
        stop = parked(
            cause=error.cause,
            reason=error.message,
            hint="Correct it where it came from and send it again, or edit it here: "
            f"orders-sync parked edit {common['id']}",
            step=first_step(kind),
            at=self.now,
            outcome="refused",
        )
        return {
            **common,
            "kind": kind,
            "key": f"{REFUSED_KEY}{fingerprint}",
            "fingerprint": fingerprint,
            "body": body if error.cause != "command.too_large" else "{}",
            "progress": "accepted",
            "line": line_of(kind, None),
            **stop.of_command,
        }

    def keep(
        self, rows: Sequence[Row], conflict: Callable[[Row, Mapping[str, Any]], Row]
    ) -> Sequence[KeptCommand]:
        """Keep the rows in one transaction, and dispatch their commands."""
        intake = self.intake
        with intake.tracing.lot("command.accept", caller=intake.traceparent) as traced:
            addition = intake.ledger.acceptance.add(
                _kept_account(self.account), rows, in_place_of=conflict, now=self.now
            )
            new = [kept.row for kept in addition.kept if kept.is_new]
            traced.add_all(About(row["account"], row["order_id"], row["id"]) for row in new)
        intake.dispatch(addition.dispatches)
        return addition.kept

    def _common(self, command: Command) -> Row:
        key = command.key
        return {
            **dict.fromkeys(_OPTIONAL),
            "id": self.intake.new_id(),
            "account": _kept_account(self.account),
            "order_id": storable(command.order_id or "")[: LONGEST["order_id"]],
            "asked_key": None if key is None else storable(key)[:_KEPT_CHARACTERS],
            "source": self.source,
            "asked_by_erp": self.source == "erp",
            "is_rest": False,
            "attempts": 0,
            "version": 0,
            "created_at": self.now,
        }


def _kept_account(account: str) -> str:
    """Return an account's name as the ledger can keep it."""
    return storable(account)[: LONGEST["account"]]


def _accepted(kept: KeptCommand) -> Accepted:
    command_id, cause = kept.row["id"], kept.row["cause"]
    if not kept.row["key"].startswith(REFUSED_KEY):
        return Accepted(command_id, kept.is_new)
    log.error("command.refused", command_id=command_id, cause=cause, reason=kept.row["reason"])
    return Accepted(command_id, kept.is_new, kept.row["reason"])
