"""The whole story of one order, gathered from the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from orders_sync.backoffice.whereabouts import whereabouts
from orders_sync.errors import Unreadable
from orders_sync.ledger import Ledger
from orders_sync.vtex.translate import order as read_order

_MOST_COMMANDS = 1000

#: What programs may rely on of each.
_ORDER = (
    "account order_id status progress standing next_step due_at attempts failing_since cause "
    "reason hint erp_reference lease_owner lease_until first_seen_at updated_at"
)
_EVENT = (
    "event_id domain state last_state current_change first_seen_at delivered_at deliveries "
    "acknowledged_at asks_nothing problem"
)
_COMMAND = (
    "id account order_id kind asked_key source progress standing outcome told next_step receipt "
    "vtex_number value_cents due_at attempts cause reason hint created_at retried_at updated_at"
)
_ENTRY = "at what step attempt seconds task_id note"
_ACT = "at who did why"


def story_of(
    ledger: Ledger, account: str, order_id: str, *, now: datetime
) -> dict[str, Any] | None:
    """Return the order, its events, commands, steps, and what people did about it.

    None where the ledger has neither the order nor a command of it.
    """
    inquiries = ledger.inquiries
    order, events, journal = inquiries.story(account, order_id)
    latest = inquiries.list_commands(account=account, order_id=order_id, limit=_MOST_COMMANDS)
    if order is None and not latest:
        return None
    commands = sorted(latest, key=lambda row: (row["created_at"], row["id"]))
    document = ledger.orders.document(account, order_id)
    told = None if order is None else asdict(whereabouts(order, commands, now=now))
    return {
        "order": None if order is None else _only(order, _ORDER),
        "whereabouts": told,
        "document_read_at": document[1] if document else None,
        "reckoning": _reckoning(account, document[0]) if document else None,
        "events": [_only(event, _EVENT) for event in sorted(events, key=changed_at)],
        "commands": only_commands(commands),
        "journal": [_only(entry, _ENTRY) for entry in journal],
        "acts": [_only(act, _ACT) for act in inquiries.acts(account, order_id)],
    }


def changed_at(event: Mapping[str, Any]) -> datetime:
    """Return when VTEX says that an event's change was made, or else when it was first seen."""
    seen: datetime = event["first_seen_at"]
    try:
        moment = datetime.fromisoformat(event["current_change"] or "")
    except ValueError:
        return seen
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def only_orders(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return of each order what programs may rely on."""
    return [_only(row, _ORDER) for row in rows]


def only_commands(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return of each command what programs may rely on."""
    return [_only(row, _COMMAND) for row in rows]


def _reckoning(account: str, document: bytes) -> dict[str, Any] | None:
    """Return how the order adds up to its value; None where its document cannot be read."""
    try:
        order = read_order(account, document)
    except Unreadable:
        return None
    reckoning = asdict(order.reckoning)
    return {"value_cents": order.value_cents, "currency": order.currency, **reckoning}


def _only(row: Mapping[str, Any], names: str) -> dict[str, Any]:
    return {name: row[name] for name in names.split()}
