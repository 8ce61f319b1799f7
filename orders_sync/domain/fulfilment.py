"""The fulfilment of an order as VTEX shows it, and VTEX's answers to what it is sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Literal

from orders_sync.domain.invoice_number import is_same_number

#: A sale that goes out, or a return that comes in.
InvoiceType = Literal["Output", "Input"]


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

    `type` is VTEX's `Output` or `Input`, and any other word that VTEX may add. VTEX shows no
    `dispatched_at`: it is what the ledger knows that VTEX was told.
    """

    invoice_number: str
    type: str
    value_cents: int
    items: tuple[PackageItem, ...]
    courier: str | None = None
    tracking_number: str | None = None
    tracking_url: str | None = None
    access_key: str | None = None
    url: str | None = None
    cfop: str | None = None
    issued_at: datetime | None = None
    events: tuple[PackageEvent, ...] = ()
    is_finished: bool = False
    delivered_at: datetime | None = None
    dispatched_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ChangedItem:
    """A SKU that a change added to the order or took out of it.

    `unit_multiplier` is how many units of measure are in a piece; None where it is the SKU's own.
    """

    sku: str
    quantity: int
    price_cents: int | None
    unit_multiplier: float | None = None
    line_id: str | None = None
    name: str = field(default="", compare=False)


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
    """A line of the order as the shopper has it at this time, as far as invoices ask for it.

    Changes are counted in: an added SKU is a line, a removed one is none (see `domain/amounts.py`).
    `selling_price_cents` and `piece_tax_cents` are of one piece, `total_cents` and `tax_cents` of
    all `quantity` pieces: a part is worth its share of those (`amounts.share`), since VTEX rounds
    the line. `line_id` is empty where VTEX gives none.
    """

    index: int
    line_id: str
    sku: str
    seller_sku: str
    quantity: int
    selling_price_cents: int
    total_cents: int
    tax_cents: int = 0
    piece_tax_cents: int = 0
    measurement_unit: str | None = None


@dataclass(frozen=True, slots=True)
class Fulfilment:
    """How far VTEX has an order: what to look at before and after something is sent.

    `value_cents` is what the order is worth now, changes counted in. The cancellation that can
    be answered now is `cancellation_request_id`; `cancellation_requested_by_seller` is None where
    VTEX does not say. `zone` is the store's own, by whose clock VTEX takes times without an offset.
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
    zone: tzinfo | None = None

    @property
    def invoiced_cents(self) -> int:
        """Sum what was invoiced to go out; returns do not lessen it."""
        return sum(package.value_cents for package in self.packages if package.type == "Output")

    @property
    def remaining_cents(self) -> int:
        """Return what is left to invoice; below zero, too much was."""
        return self.value_cents - self.invoiced_cents

    @property
    def returned_cents(self) -> int:
        """Sum what was invoiced to come back."""
        return sum(package.value_cents for package in self.packages if package.type == "Input")

    def package(self, invoice_number: str) -> Package | None:
        """Return the package of an invoice by the parts of its number, if it has come to VTEX."""
        same = [p for p in self.packages if is_same_number(p.invoice_number, invoice_number)]
        exact = (package for package in same if package.invoice_number == invoice_number)
        return next(exact, same[0] if same else None)

    def lines_of(self, line_id: str | None, sku: str | None) -> tuple[FulfilmentLine, ...]:
        """Return the lines of an id and a SKU, of which one may be left out.

        A SKU is VTEX's; the seller's own counts where no line has it, since one seller's may be
        VTEX's of another line.
        """
        lines = [line for line in self.lines if line_id in {None, line.line_id}]
        by_sku = [line for line in lines if sku in {None, line.sku}]
        return tuple(by_sku or (line for line in lines if line.seller_sku == sku))

    def invoiced_quantity(self, index: int) -> int:
        """Sum how many of a line were invoiced to go out, as far as VTEX says which line it was."""
        return self._quantity(index, "Output")

    def returned_quantity(self, index: int) -> int:
        """Sum how many of a line were invoiced to come back."""
        return self._quantity(index, "Input")

    def _quantity(self, index: int, kind: InvoiceType) -> int:
        return sum(
            item.quantity
            for package in self.packages
            if package.type == kind
            for item in package.items
            if item.index == index
        )
