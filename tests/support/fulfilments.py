"""An order in handling as VTEX shows it, for the rules of sending."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from orders_sync.commands.verdicts import Intent, Known, Wait
from orders_sync.domain.fulfilment import Fulfilment, FulfilmentLine, Package

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
NOTHING_KNOWN = Known(now=NOW)


def known(**facts: Any) -> Known:
    return Known(now=NOW, **facts)


def line(index: int, sku: str, quantity: int, total: int) -> FulfilmentLine:
    return FulfilmentLine(index, f"L{index}", sku, sku, quantity, total // quantity, total)


def package(number: str, value: int, **changes: Any) -> Package:
    facts: dict[str, Any] = {"type": "Output", "items": (), **changes}
    return Package(invoice_number=number, value_cents=value, **facts)


ORDER = Fulfilment(
    status="handling",
    is_completed=True,
    value_cents=1300,
    lines=(line(0, "A", 2, 600), line(1, "B", 1, 200), line(2, "A", 1, 200)),
    packages=(),
    changes=(),
    cancellation_requests=(),
    cancellation_request_id=None,
    cancellation_requested_by_seller=None,
    allows_cancellation=True,
    cancel_reason=None,
)


def seconds_ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def intent(kind: str, age: float, **facts: Any) -> Intent:
    return Intent(kind, seconds_ago(age), **facts)


def sale(age: float, number: str = "2", value: int = 500) -> Intent:
    return intent("invoice", age, number=number, value_cents=value, content="Output")


def outcome(verdict: object) -> object:
    """Return the seconds of a wait that ends at a known time, and the type of any other verdict."""
    return verdict.seconds if isinstance(verdict, Wait) and verdict.is_exact else type(verdict)
