"""What was told about an order, as whoever tests against the sandbox sees it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from orders_sync.sandbox.changes import Change
from orders_sync.sandbox.invoices import Invoice
from orders_sync.sandbox.orders import Order


@dataclass(frozen=True, slots=True)
class EventView:
    """One tracking event."""

    city: str
    state: str
    description: str
    date: str


@dataclass(frozen=True, slots=True)
class PackageView:
    """One invoice and its tracking; money is in cents, and `items` are SKU and quantity."""

    number: str
    type: str
    value: int
    items: tuple[tuple[str, int], ...]
    tracking_number: str | None
    tracking_url: str | None
    courier: str | None
    events: tuple[EventView, ...]
    finished: bool
    refund: int
    refund_problem: str | None


@dataclass(frozen=True, slots=True)
class ChangeView:
    """One change; `value` is what it added to the order's value, in cents."""

    request_id: str
    version: int
    status: str
    reason: str
    value: int
    cancel_reason: str | None


@dataclass(frozen=True, slots=True)
class CancellationView:
    """One request to cancel."""

    request_id: str
    reason: str | None
    by_seller: bool
    denied: bool


def view_package(invoice: Invoice) -> PackageView:
    """Look at an invoice."""
    return PackageView(
        number=invoice.number,
        type=invoice.type,
        value=invoice.value_cents,
        items=tuple((line.sku, line.quantity) for line in invoice.lines),
        tracking_number=invoice.tracking_number,
        tracking_url=invoice.tracking_url,
        courier=invoice.courier,
        events=tuple(
            EventView(event.city, event.state, event.description, event.date)
            for event in invoice.events
        ),
        finished=invoice.is_delivered,
        refund=invoice.refund_cents,
        refund_problem=invoice.refund_problem,
    )


def view_change(change: Change) -> ChangeView:
    """Look at a change."""
    return ChangeView(
        request_id=change.request_id,
        version=change.version,
        status=change.status,
        reason=change.wanted.reason,
        value=change.value_cents,
        cancel_reason=change.cancel_reason,
    )


def view_cancellations(order: Order) -> tuple[CancellationView, ...]:
    """Look at the requests to cancel an order."""
    return tuple(
        CancellationView(one.id, one.reason, one.by_seller, one.denied_at is not None)
        for one in order.cancellation_requests
    )


def doubled(order: Order) -> tuple[str, ...]:
    """Name what took effect more than once; there should be nothing."""
    effects = [
        ("start-handling", order.start_handling_effects),
        ("cancel", order.cancel_effects),
        *((f"invoice {one.number}", one.effects) for one in order.invoices),
    ]
    found = [f"{name} {times} times" for name, times in effects if times > 1]
    for one in order.invoices:
        events = ((event.description, event.date, event.city) for event in one.events)
        found += _repeats(f"tracking event of invoice {one.number}", events)
    made = (change.wanted for change in order.changes if change.status == "done")
    return (*found, *_repeats("change", made), *_repeats("interaction", order.interactions))


def _repeats(name: str, things: Iterable[Hashable]) -> list[str]:
    return [f"{name} {times} times" for times in Counter(things).values() if times > 1]
