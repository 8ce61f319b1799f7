"""The four things that can be said of a command, and what is known beside the order itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from orders_sync.domain.bodies import TrackBody

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Send(Generic[T]):
    """Send this."""

    what: T


@dataclass(frozen=True, slots=True)
class AlreadySo:
    """Send nothing: VTEX has it."""

    note: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Send nothing yet, and count no attempt."""

    reason: str
    seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class NotAllowed:
    """Send nothing, ever, unless a person changes something."""

    cause: str
    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger knows of an order's other commands.

    `sent_invoices` are the numbers (as VTEX has them) and values of Output invoices that VTEX has
    taken: an order may show them some seconds later. `coming_invoices` are the numbers of those
    that are asked for and not sent yet. `is_changing`: a change is under way.
    `is_cancelling`: a cancellation was asked for and not refused. `receipts` are what VTEX gave
    the other commands. `is_to_change`: a change was asked for and is not at its end, sent or not.
    `sent_tracking` is the tracking that VTEX has taken, the oldest first, by the invoice's number
    as VTEX has it.
    """

    sent_invoices: Mapping[str, int] = field(default_factory=dict)
    coming_invoices: frozenset[str] = frozenset()
    is_changing: bool = False
    is_cancelling: bool = False
    is_to_change: bool = False
    sent_tracking: Mapping[str, Sequence[TrackBody]] = field(default_factory=dict)
    receipts: frozenset[str] = frozenset()
