"""An order as whoever tests against the sandbox sees it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from orders_sync.sandbox.orders import Order
from orders_sync.sandbox.outbound_views import (
    CancellationView,
    ChangeView,
    PackageView,
    doubled,
    view_cancellations,
    view_change,
    view_package,
)
from orders_sync.sandbox.record import Call


@dataclass(frozen=True, slots=True)
class LineView:
    """One line of an order; `total`, `tax` and what its `services` cost are in cents."""

    line_id: str
    sku: str
    quantity: int
    total: int
    tax: int = 0
    services: int = 0


@dataclass(frozen=True, slots=True)
class OrderView:
    """What an order is and what was done to it; instants are epoch seconds, `value` is in cents.

    `ready_at` is when its ready-for-handling event could first be read from a feed, `handling_at`
    when start-handling first took effect. `events_emitted` counts what feeds took. `invoices_total`
    adds the sales up and `refunds` what returns paid back; `invoice_effects` is how often each
    invoice took effect, by number, and `doubled` names all that took effect twice. `freight` and
    `other` are what was sold beside the lines, in cents.
    """

    order_id: str
    trouble: str
    status: str | None
    is_completed: bool
    value: int
    lines: tuple[LineView, ...]
    ready_at: float | None
    handling_at: float | None
    start_handling_effects: int
    calls: tuple[Call, ...]
    events_emitted: int
    events_unacknowledged: int
    packages: tuple[PackageView, ...]
    invoices_total: int
    refunds: int
    invoice_effects: dict[str, int]
    cancellations: tuple[CancellationView, ...]
    cancel_effects: int
    changes: tuple[ChangeView, ...]
    interactions: tuple[tuple[str, str], ...]
    doubled: tuple[str, ...]
    freight: int
    other: int

    def to_dict(self) -> dict[str, Any]:
        """Write it as JSON has it."""
        return {
            **asdict(self),
            "calls": [
                {
                    "at": call.at,
                    "call": call.call,
                    "status": call.status,
                    "effect": call.effect,
                    "about": call.about,
                }
                for call in self.calls
            ],
        }


def view_order(order: Order, calls: list[Call]) -> OrderView:
    """Look at an order."""
    lines = (
        LineView(
            line.unique_id,
            line.sku.id,
            line.quantity,
            line.total_cents,
            line.tax_cents,
            line.service_cents,
        )
        for line in order.document.lines
    )
    return OrderView(
        order_id=order.order_id,
        trouble=order.trouble.value,
        status=order.status,
        is_completed=order.is_completed,
        value=order.document.value_cents,
        lines=tuple(lines),
        ready_at=order.ready_at,
        handling_at=order.handling_at,
        start_handling_effects=order.start_handling_effects,
        calls=tuple(calls),
        events_emitted=order.events_emitted,
        events_unacknowledged=order.events_emitted - order.events_committed,
        packages=tuple(map(view_package, order.invoices)),
        invoices_total=order.invoiced_cents,
        refunds=order.refunded_cents,
        invoice_effects={invoice.number: invoice.effects for invoice in order.invoices},
        cancellations=view_cancellations(order),
        cancel_effects=order.cancel_effects,
        changes=tuple(map(view_change, order.changes)),
        interactions=tuple(order.interactions),
        doubled=doubled(order),
        freight=order.document.shipping_cents,
        other=order.document.other_cents,
    )
