"""The whole story of one order, gathered from the ledger, and the rows that it is told in.

The names of the fields are what programs may rely on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

from orders_sync.backoffice.whereabouts import Whereabouts, whereabouts
from orders_sync.doctor.work import cause_behind
from orders_sync.domain.rules import Standing
from orders_sync.errors import Unreadable
from orders_sync.ledger import Ledger
from orders_sync.vtex.translate import order as read_order

_MOST_COMMANDS = 1000


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True)


class _Waiting(_Told):
    """What may wait, with the cause behind an open breaker in place of the breaker."""

    @field_validator("cause", check_fields=False)
    @classmethod
    def _behind(cls, cause: str | None, info: ValidationInfo) -> str | None:
        return cause and cause_behind(info.data["next_step"] or "", cause)


class OrderStatus(_Waiting):
    """An order of the ledger: how far it is, and why it waits.

    `status` is VTEX's when the order was read for itself, and `latest_status` in any read since.
    `revision` counts what changed of it since the hand-over, and `erp_revision` is what its ERP has
    of that; None where its ERP takes no changes.
    """

    account: str
    order_id: str
    status: str | None
    latest_status: str | None
    progress: str
    standing: Standing
    next_step: str | None
    due_at: datetime | None
    attempts: int
    failing_since: datetime | None
    cause: str | None
    reason: str | None
    hint: str | None
    erp_reference: str | None
    revision: int | None
    erp_revision: int | None
    lease_owner: str | None
    lease_until: datetime | None
    first_seen_at: datetime
    updated_at: datetime


class CommandStatus(_Waiting):
    """A command of the ledger: how far it is, and why it waits; its body is left out."""

    id: str
    account: str
    order_id: str
    kind: str
    asked_key: str | None
    source: str
    caller: str | None
    progress: str
    standing: Standing
    outcome: str
    told: str | None
    next_step: str | None
    receipt: str | None
    vtex_number: str | None
    value_cents: int | None
    due_at: datetime | None
    attempts: int
    cause: str | None
    reason: str | None
    hint: str | None
    created_at: datetime
    retried_at: datetime | None
    updated_at: datetime


class EventSeen(_Told):
    """An event of VTEX's feed or hook, and when it was acknowledged."""

    event_id: str | None
    domain: str | None
    state: str | None
    last_state: str | None
    current_change: str | None
    first_seen_at: datetime
    delivered_at: datetime
    deliveries: int
    acknowledged_at: datetime | None
    asks_nothing: bool
    problem: str | None

    @property
    def changed_at(self) -> datetime:
        """When VTEX says that its change was made, or else when it was first seen."""
        try:
            moment = datetime.fromisoformat(self.current_change or "")
        except ValueError:
            return self.first_seen_at
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class JournalEntry(_Told):
    """Something that happened with an order."""

    at: datetime
    what: str
    step: str | None
    attempt: int | None
    seconds: float | None
    task_id: str | None
    note: str | None


class ActDone(_Told):
    """Something that a person did about an order."""

    at: datetime
    who: str
    did: str
    why: str | None


class StoryReckoning(_Told):
    """How the order's parts add up to its value, in cents."""

    value_cents: int
    currency: str | None
    lines_cents: int
    services_cents: int
    freight_cents: int
    discounts_cents: int
    tax_cents: int
    changes_cents: int
    other_cents: int
    difference_cents: int
    reason: str | None


class Story(_Told):
    """All that the ledger knows of an order, without its document and its commands' bodies."""

    order: OrderStatus | None
    whereabouts: Whereabouts | None
    document_read_at: datetime | None
    reckoning: StoryReckoning | None
    events: tuple[EventSeen, ...]
    commands: tuple[CommandStatus, ...]
    journal: tuple[JournalEntry, ...]
    acts: tuple[ActDone, ...]


def story_of(ledger: Ledger, account: str, order_id: str, *, now: datetime) -> Story | None:
    """Return all that the ledger knows of an order; None where that is nothing."""
    inquiries = ledger.inquiries
    order, events, journal = inquiries.story(account, order_id)
    latest = inquiries.list_commands(account=account, order_id=order_id, limit=_MOST_COMMANDS)
    if order is None and not latest:
        return None
    commands = sorted(latest, key=lambda row: (row["created_at"], row["id"]))
    document = ledger.orders.document(account, order_id)
    seen = [EventSeen.model_validate(event) for event in events]
    return Story(
        order=None if order is None else OrderStatus.model_validate(order),
        whereabouts=None if order is None else whereabouts(order, commands, now=now),
        document_read_at=document[1] if document else None,
        reckoning=_reckoning(account, document[0]) if document else None,
        events=tuple(sorted(seen, key=lambda event: event.changed_at)),
        commands=tuple(CommandStatus.model_validate(command) for command in commands),
        journal=tuple(JournalEntry.model_validate(entry) for entry in journal),
        acts=tuple(ActDone.model_validate(act) for act in inquiries.acts(account, order_id)),
    )


def as_object(told: type[BaseModel], row: Mapping[str, Any]) -> dict[str, Any]:
    """Return of a row what programs may rely on."""
    return told.model_validate(row).model_dump()


def _reckoning(account: str, document: bytes) -> StoryReckoning | None:
    """Return how the order adds up to its value; None where its document cannot be read."""
    try:
        order = read_order(account, document)
    except Unreadable:
        return None
    parts = asdict(order.reckoning)
    return StoryReckoning(value_cents=order.value_cents, currency=order.currency, **parts)
