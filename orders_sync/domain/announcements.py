"""The events that endpoints are sent about orders and commands, and what each says.

An event carries ids and facts, never a name, a body or somebody's words. Each is of one thing that
happened once: who receives it twice knows it by its id.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Final

from orders_sync.domain.rules import Progress, Standing
from orders_sync.domain.steps import Claim, StepResult


class EventType(StrEnum):
    """The types of events: each end of an order or a command, and all that needs a person."""

    ORDER_PLACED = "order.placed"
    ORDER_DONE = "order.done"
    ORDER_CANCELLED = "order.cancelled"
    ORDER_PARKED = "order.parked"
    ORDER_DISCARDED = "order.discarded"
    COMMAND_DONE = "command.done"
    COMMAND_REFUSED = "command.refused"
    COMMAND_PARKED = "command.parked"
    COMMAND_CLOSED = "command.closed"
    COMMAND_DISCARDED = "command.discarded"
    MESSAGE_PARKED = "message.parked"
    ACCOUNT_PAUSED = "account.paused"
    ACCOUNT_RESUMED = "account.resumed"
    ENDPOINT_OFF = "endpoint.off"


#: The one that `orders-sync endpoints test` sends; nobody asks for it.
TEST: Final = "endpoint.test"

_IN_ERP: Final = frozenset({Progress.PLACED, Progress.HANDLING})

#: A cause is a word; an adapter of an ERP may have put a sentence there.
_CAUSE: Final = re.compile(r"[A-Za-z0-9_.-]{1,100}")


@dataclass(frozen=True, slots=True)
class Announcement:
    """One event, of an account, or of all of them where `account` is empty.

    `mark` tells apart what may happen to the same thing more than once. All fields from `order_id`
    on are told where they are known: `command` is a command's kind, `reference` the ERP's name for
    an order, `key` the one that a command's caller gave.
    """

    type: EventType
    at: datetime
    account: str
    mark: str = ""
    order_id: str | None = None
    command_id: str | None = None
    command: str | None = None
    key: str | None = None
    outcome: str | None = None
    cause: str | None = None
    receipt: str | None = None
    reference: str | None = None
    endpoint: str | None = None
    message: str | None = None

    @property
    def id(self) -> str:
        """Its id, the same whenever the same thing is told."""
        of = (self.account, self.order_id, self.command_id, self.endpoint, self.message)
        named = "|".join((self.type, self.mark, *(part or "" for part in of)))
        return f"evt_{hashlib.sha256(named.encode(errors='replace')).hexdigest()[:26]}"

    def body(self) -> str:
        """Return the JSON that endpoints get.

        https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
        """
        facts = {name: getattr(self, name) for name in _FACTS}
        if self.cause is not None and _CAUSE.fullmatch(self.cause) is None:
            facts["cause"] = "other"
        return body_of(self.type, self.at, {n: v for n, v in facts.items() if v})


_FACTS: Final = [
    field.name for field in fields(Announcement) if field.name not in {"type", "at", "mark"}
]


def body_of(event_type: str, at: datetime, facts: dict[str, str]) -> str:
    """Return the JSON of an event: what happened, when, and the facts."""
    event = {"type": event_type, "timestamp": at.isoformat(), "data": facts}
    return json.dumps(event, separators=(",", ":"))


def of_step(claim: Claim, result: StepResult, *, at: datetime) -> Iterator[Announcement]:
    """Return what a step that ended tells of its order, worked out where somebody asks."""
    order = {"account": claim.account, "order_id": claim.order_id}
    if result.progress in _IN_ERP and claim.progress not in _IN_ERP:
        yield Announcement(EventType.ORDER_PLACED, at, **order, reference=result.erp_reference)
    if claim.progress is not Progress.HANDLING:
        # An order that was invoiced before it came never goes to the ERP.
        is_handled = result.progress is Progress.HANDLING
        if is_handled or result.standing is Standing.DONE:
            outcome = "handled" if is_handled else "ignored"
            yield Announcement(EventType.ORDER_DONE, at, **order, outcome=outcome)
    match result.standing:
        case Standing.VOID:
            yield Announcement(EventType.ORDER_CANCELLED, at, **order)
        case Standing.PARKED:
            yield parked_order(claim.account, claim.order_id, claim.version, result.cause, at=at)


def parked_order(
    account: str, order_id: str, version: int, cause: str | None, *, at: datetime
) -> Announcement:
    """Return what is told of an order that a person has to decide about; `version` is its row's."""
    return Announcement(
        EventType.ORDER_PARKED, at, account, mark=f"{version}", order_id=order_id, cause=cause
    )


def command_event(standing: str, outcome: str) -> EventType | None:
    """Return the event of a command that came to this standing; None while it is under way."""
    if standing == Standing.DONE:
        return EventType.COMMAND_DONE
    if standing == Standing.PARKED:
        return EventType.COMMAND_REFUSED if outcome == "refused" else EventType.COMMAND_PARKED
    return None
