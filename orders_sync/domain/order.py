"""A VTEX order as an ERP needs to see it: typed, with money in integer cents."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One line of an order; the same SKU may stand on several lines.

    `line_id` is VTEX's `uniqueId`. `sku` is the SKU's id in the marketplace, `seller_sku` in the
    selling account. `total_cents` is the line's total after discounts, as VTEX rounded it: it is
    not always `quantity` times `selling_price_cents`.
    """

    index: int
    line_id: str
    sku: str
    seller_sku: str
    ref_id: str | None
    name: str
    quantity: int
    list_price_cents: int
    price_cents: int
    selling_price_cents: int
    total_cents: int
    tax_cents: int
    is_gift: bool
    measurement_unit: str | None
    unit_multiplier: float


@dataclass(frozen=True, slots=True)
class Customer:
    """Who bought; personal data that stays in the ledger and the ERP.

    `email` is usually VTEX's alias for this one order, valid for two months, so it is no key.
    """

    first_name: str
    last_name: str
    document_type: str | None
    document: str | None
    email: str | None
    phone: str | None
    is_corporate: bool
    corporate_name: str | None
    corporate_document: str | None


@dataclass(frozen=True, slots=True)
class Address:
    """Where the order goes, or the pickup point where it waits; personal data."""

    kind: str | None
    receiver: str | None
    postal_code: str | None
    street: str | None
    number: str | None
    complement: str | None
    neighborhood: str | None
    reference: str | None
    city: str | None
    state: str | None
    country: str | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """How one line reaches the customer.

    `channel` is VTEX's `delivery` or `pickup-in-point`. `estimate` is VTEX's term, such as `3bd`
    (three business days).
    """

    line_index: int
    channel: str | None
    sla: str | None
    company: str | None
    price_cents: int
    estimate: str | None
    estimated_at: datetime | None
    pickup_point_id: str | None
    warehouse_id: str | None
    courier_id: str | None


@dataclass(frozen=True, slots=True)
class Payment:
    """One means of payment; `group` is VTEX's word, such as `creditCard` or `instantPayment`."""

    id: str | None
    system: str | None
    name: str | None
    group: str | None
    value_cents: int
    installments: int


@dataclass(frozen=True, slots=True)
class Totals:
    """The order's sums in cents; discounts are negative, `other_cents` is what VTEX adds beside."""

    items_cents: int
    discounts_cents: int
    shipping_cents: int
    tax_cents: int
    other_cents: int


@dataclass(frozen=True, slots=True)
class Order:
    """An order of one account, read from the document that VTEX returned.

    `value_cents` is what the customer pays. `document` is VTEX's JSON, byte for byte, for what
    these fields leave out. `status` may be None and may be a word that VTEX adds tomorrow.
    """

    account: str
    order_id: str
    status: str | None
    is_completed: bool
    sequence: str | None
    order_group: str | None
    marketplace_order_id: str | None
    seller_order_id: str | None
    origin: str | None
    sales_channel: str | None
    created_at: datetime | None
    currency: str | None
    value_cents: int
    totals: Totals
    customer: Customer
    address: Address | None
    lines: tuple[OrderLine, ...]
    deliveries: tuple[Delivery, ...]
    payments: tuple[Payment, ...]
    cancel_reason: str | None
    document: bytes
