"""What was seen, for those who test against the sandbox: calls, orders, what was told of them."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Hashable, Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

from orders_sync.sandbox.changes import OrderChange
from orders_sync.sandbox.invoices import Invoice
from orders_sync.sandbox.orders import OmsOrder


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


def view_change(change: OrderChange) -> ChangeView:
    """Look at a change."""
    return ChangeView(
        request_id=change.request_id,
        version=change.version,
        status=change.status,
        reason=change.terms.reason,
        value=change.value_cents,
        cancel_reason=change.cancel_reason,
    )


def view_cancellations(order: OmsOrder) -> tuple[CancellationView, ...]:
    """Look at the requests to cancel an order."""
    return tuple(
        CancellationView(
            request.id, request.reason, request.by_seller, request.denied_at is not None
        )
        for request in order.cancellation_requests
    )


def doubled(order: OmsOrder) -> tuple[str, ...]:
    """Name what took effect more than once; there should be nothing."""
    effects = [
        ("start-handling", order.start_handling_effects),
        ("cancel", order.cancel_effects),
        *((f"invoice {invoice.number}", invoice.effects) for invoice in order.invoices),
    ]
    repeats = [f"{name} {times} times" for name, times in effects if times > 1]
    for invoice in order.invoices:
        events = ((event.description, event.date, event.city) for event in invoice.events)
        repeats += _repeats(f"tracking event of invoice {invoice.number}", events)
    made = (change.terms for change in order.changes if change.status == "done")
    return (*repeats, *_repeats("change", made), *_repeats("interaction", order.interactions))


def _repeats(name: str, things: Iterable[Hashable]) -> list[str]:
    return [f"{name} {times} times" for times in Counter(things).values() if times > 1]


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
    `other` are what was sold beside the lines, in cents. `edits` names what a person changed.
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
    edits: tuple[str, ...] = ()

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


def view_order(order: OmsOrder, calls: list[Call]) -> OrderView:
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
        edits=tuple(order.edits),
    )


_CALLS_KEPT = 20_000
_CALLS_KEPT_PER_ORDER = 200


class Call(NamedTuple):
    """One call that came in.

    `status` is the HTTP status of its answer. `about` says what took effect: the number of an
    invoice, with the tracking number where that was set, or the reason of a change or cancellation.
    """

    at: float
    call: str
    order_id: str | None
    status: int | Literal["dropped"]
    effect: bool
    over_budget: bool
    about: str | None = None


class Record:
    """Remembers the latest calls, of all and of each order, and counts every one."""

    def __init__(self) -> None:
        self.total = 0
        self.over_budget = 0
        self.by_name: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self._calls: deque[Call] = deque(maxlen=_CALLS_KEPT)
        self._by_order: dict[str, deque[Call]] = {}

    def add(self, call: Call, concerning: Iterable[str] = ()) -> None:
        """Remember a call, with its own order and with others that it touched."""
        self.total += 1
        self.over_budget += call.over_budget
        self.by_name[call.call] += 1
        self.statuses[str(call.status)] += 1
        self._calls.append(call)
        if call.order_id is not None:
            self._keep(call.order_id, call)
        for order_id in concerning:
            self._keep(order_id, call._replace(order_id=order_id))

    def calls(self, order_id: str | None = None) -> list[Call]:
        """List the calls, oldest first; of one order, with the commits of its events."""
        return list(self._calls if order_id is None else self._by_order.get(order_id, ()))

    def _keep(self, order_id: str, call: Call) -> None:
        kept = self._by_order.setdefault(order_id, deque(maxlen=_CALLS_KEPT_PER_ORDER))
        kept.append(call)
