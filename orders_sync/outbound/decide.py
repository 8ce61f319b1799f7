"""Decisions of people about parked commands, and the checks that each must pass."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from orders_sync.commands import first_step
from orders_sync.commands.acceptance import NotAcceptedError, check
from orders_sync.domain.commands import Command
from orders_sync.domain.steps import Dispatch, Step
from orders_sync.ledger import Ledger
from orders_sync.ledger.decisions import REFUSED_KEY, DecisionRefused
from orders_sync.ledger.journal import Act
from orders_sync.outbound.accept import content_of


def retry(command_id: str, *, ledger: Ledger, act: Act) -> Sequence[Dispatch]:
    """Reopen a parked command, to be judged and sent; return what to dispatch at once.

    Raises:
        DecisionRefused: it is not parked, or was never accepted.
    """
    row = _existing(command_id, ledger)
    return ledger.decisions.retry(command_id, _first_step(row), act)


def edit(
    command_id: str,
    body: Any,
    *,
    order_id: str | None,
    key: str | None,
    ledger: Ledger,
    max_bytes: int,
    act: Act,
) -> Sequence[Dispatch]:
    """Replace a parked command's body and reopen it; return what to dispatch at once.

    Its key stays, so that its caller goes on finding it. Only a command that was never accepted
    can be given another order or key.

    Raises:
        DecisionRefused: the body is wrong, or the command cannot be changed.
    """
    row = _existing(command_id, ledger)
    was_accepted = not row["key"].startswith(REFUSED_KEY)
    if was_accepted and (order_id or key):
        raise DecisionRefused(f"Command {command_id} was accepted: its order and its key stay.")
    asked = Command(row["kind"], order_id or row["order_id"], body, key or row["asked_key"])
    try:
        checked = check(asked, max_bytes=max_bytes)
    except NotAcceptedError as error:
        raise DecisionRefused(f"Nothing was changed: {error}") from error
    changes = content_of(checked)
    if not was_accepted:
        # An accepted one keeps its fingerprint, so that a repeat of it is still known.
        changes |= {
            "key": checked.key,
            "fingerprint": checked.fingerprint,
            "order_id": checked.order_id,
        }
    return ledger.decisions.edit(command_id, _first_step(row), changes, act)


def body_of(command_id: str, ledger: Ledger) -> Any:
    """Return the body of a command, to be changed; text where it is no JSON.

    Raises:
        DecisionRefused: there is no such command.
    """
    text = _existing(command_id, ledger)["body"]
    try:
        return json.loads(text)
    except ValueError:
        return text


def _existing(command_id: str, ledger: Ledger) -> dict[str, Any]:
    row = ledger.inquiries.command(command_id)
    if row is None:
        raise DecisionRefused(
            f"There is no command {command_id}. See the parked ones: orders-sync parked list"
        )
    return row


def _first_step(row: dict[str, Any]) -> Step:
    step = first_step(row["kind"])
    if step is None:
        raise DecisionRefused(
            f"A command of the kind {row['kind']!r} is never sent to VTEX. "
            f"Discard it: orders-sync parked discard {row['id']} --why ..."
        )
    return step
