"""What is told to VTEX about an order, and what VTEX shows of it afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

#: A sale that goes out, or a return that comes in.
InvoiceType = Literal["Output", "Input"]


@dataclass(frozen=True, slots=True)
class InvoiceItem:
    """One SKU of an invoice; `price_cents` is the unit's, VTEX multiplies it."""

    sku: str
    quantity: int
    price_cents: int
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice of an order or of a part of it.

    `value_cents` counts freight and taxes in. A SKU stands on one item only. `issued_at` and
    `dispatched_at` are aware. `access_key` is what VTEX calls `invoiceKey` (Brazil's NF-e key),
    `embedded_invoice` the XML itself, which no repr
    shows.
    """

    number: str
    type: InvoiceType
    issued_at: datetime
    value_cents: int
    items: tuple[InvoiceItem, ...]
    access_key: str | None = None
    url: str | None = None
    embedded_invoice: str | None = field(default=None, repr=False)
    courier: str | None = None
    tracking_number: str | None = None
    tracking_url: str | None = None
    dispatched_at: datetime | None = None
    cfop: str | None = None


@dataclass(frozen=True, slots=True)
class TrackingData:
    """How a package that was invoiced travels."""

    tracking_number: str
    tracking_url: str | None = None
    courier: str | None = None
    dispatched_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TrackingEvent:
    """Something that happened to a package on its way; `state` is the region's short name."""

    city: str
    state: str
    description: str
    date: date | datetime


@dataclass(frozen=True, slots=True)
class TrackingProgress:
    """All that happened to a package so far, the oldest first, and whether it has arrived."""

    events: tuple[TrackingEvent, ...]
    delivered: bool
    delivered_at: datetime | None


@dataclass(frozen=True, slots=True)
class ChangeItem:
    """A SKU that a change adds or removes.

    `unique_id` is the line's: without it VTEX picks a line by SKU, and fails where the SKU stands
    on several.
    """

    sku: str
    quantity: int
    unique_id: str | None = None
    price_cents: int | None = None
    measurement_unit: str | None = None
    unit_multiplier: float | None = None


@dataclass(frozen=True, slots=True)
class Replacement:
    """Items that take the place of others."""

    from_items: tuple[ChangeItem, ...]
    to_items: tuple[ChangeItem, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """A change of an order; the shopper may see its reason.

    Discount and increment come on top of what VTEX computes from the items.
    """

    reason: str
    add: tuple[ChangeItem, ...] = ()
    remove: tuple[ChangeItem, ...] = ()
    replace: tuple[Replacement, ...] = ()
    manual_discount_cents: int = 0
    manual_increment_cents: int = 0


@dataclass(frozen=True, slots=True)
class VtexReceipt:
    """VTEX's word that it took a call; the effect shows in the order some seconds later."""

    receipt: str | None
    date: datetime | None
    order_id: str


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """A change that VTEX took on; `request_id` is what to follow it by."""

    request_id: str
    workflow_id: str | None


@dataclass(frozen=True, slots=True)
class ChangeState:
    """How far a change is; finished and not done means that VTEX cancelled it."""

    request_id: str
    status: str | None
    is_finished: bool
    is_done: bool
    cancel_reason: str | None
    logs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PackageItem:
    """One line of a package; `index` is the line's place in the order, None where VTEX has none."""

    index: int | None
    quantity: int
    price_cents: int
    sku: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class PackageEvent:
    """A tracking event as VTEX keeps it."""

    city: str | None
    state: str | None
    description: str | None
    created_at: datetime | None
    changed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Package:
    """An invoice as VTEX keeps it, with its tracking; `is_finished` means delivered.

    `type` is VTEX's `Output` or `Input`, and any other word that VTEX may add.
    """

    invoice_number: str
    type: str
    value_cents: int
    items: tuple[PackageItem, ...]
    courier: str | None
    tracking_number: str | None
    tracking_url: str | None
    access_key: str | None
    url: str | None
    cfop: str | None
    issued_at: datetime | None
    events: tuple[PackageEvent, ...]
    is_finished: bool
    delivered_at: datetime | None


@dataclass(frozen=True, slots=True)
class ChangedItem:
    """A SKU that a change added to the order or took out of it."""

    sku: str
    quantity: int
    price_cents: int | None


@dataclass(frozen=True, slots=True)
class AppliedChange:
    """A change that is in the order."""

    reason: str | None
    discount_cents: int
    increment_cents: int
    added: tuple[ChangedItem, ...]
    removed: tuple[ChangedItem, ...]
    receipt: str | None
    date: datetime | None


@dataclass(frozen=True, slots=True)
class CancellationRequest:
    """A wish to cancel the order, which the seller agrees to or denies."""

    request_id: str
    reason: str | None
    requested_at: datetime | None
    is_denied: bool


@dataclass(frozen=True, slots=True)
class FulfilmentLine:
    """A line of the order, as far as invoices and changes ask for it."""

    index: int
    line_id: str
    sku: str
    seller_sku: str
    quantity: int
    selling_price_cents: int
    total_cents: int


@dataclass(frozen=True, slots=True)
class Fulfilment:
    """How far VTEX has an order: what to look at before and after something is sent.

    `value_cents` is what the order is worth now, changes counted in. The cancellation that can
    be answered now is `cancellation_request_id`; `cancellation_requested_by_seller` is None where
    VTEX does not say.
    """

    status: str | None
    is_completed: bool
    value_cents: int
    lines: tuple[FulfilmentLine, ...]
    packages: tuple[Package, ...]
    changes: tuple[AppliedChange, ...]
    cancellation_requests: tuple[CancellationRequest, ...]
    cancellation_request_id: str | None
    cancellation_requested_by_seller: bool | None
    allows_cancellation: bool
    cancel_reason: str | None

    @property
    def invoiced_cents(self) -> int:
        """Sum what was invoiced to go out; returns do not lessen it."""
        return sum(it.value_cents for it in self.packages if it.type == "Output")

    @property
    def remaining_cents(self) -> int:
        """Tell what is left to invoice; below zero, too much was."""
        return self.value_cents - self.invoiced_cents

    @property
    def returned_cents(self) -> int:
        """Sum what was invoiced to come back."""
        return sum(it.value_cents for it in self.packages if it.type == "Input")

    def package(self, invoice_number: str) -> Package | None:
        """Find the package of an invoice, if it has arrived in VTEX."""
        return next((it for it in self.packages if it.invoice_number == invoice_number), None)

    def invoiced_quantity(self, index: int) -> int:
        """Sum how many of a line were invoiced to go out, as far as VTEX says which line it was."""
        return sum(
            item.quantity
            for package in self.packages
            if package.type == "Output"
            for item in package.items
            if item.index == index
        )
