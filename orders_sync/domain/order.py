"""A VTEX order as an ERP needs it: typed, with money in integer cents."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from orders_sync.domain.amounts import ChargedService, Reckoning

__all__ = [
    "Address",
    "ChargedService",
    "Component",
    "Customer",
    "Delivery",
    "Order",
    "OrderLine",
    "Payment",
    "Reckoning",
    "Source",
    "Totals",
]


@dataclass(frozen=True, slots=True)
class Component:
    """A part of a kit (`components`): what is picked where the line's own SKU is in no shelf.

    `unique_id` is VTEX's own of the part. `quantity` is VTEX's: how many are in one piece of the
    line.
    """

    unique_id: str
    sku: str
    seller_sku: str
    ref_id: str | None
    name: str
    quantity: int


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One line of an order, changes counted in; the same SKU may stand on several lines.

    `index` is the line's place in `items[]`; lines that a change added follow. `line_id` is VTEX's
    `uniqueId`, empty where VTEX gives none (such added lines, orders of 2014). `sku` is the SKU's
    id in the marketplace, `seller_sku` in the selling account.

    A piece is `unit_multiplier` units of `measurement_unit`. `list_price_cents`, `price_cents`
    (before discounts) and `selling_price_cents` (after) are of one piece, `unit_list_price_cents`
    and `unit_price_cents` of one unit, such as a kilogram. `total_cents` is the line's total after
    discounts, as VTEX rounded it: it is not always `quantity` times `selling_price_cents`.
    `tax_cents` is the line's tax, of all pieces, on top of its total.
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
    unit_list_price_cents: int = 0
    unit_price_cents: int = 0
    services: tuple[ChargedService, ...] = ()
    components: tuple[Component, ...] = ()


@dataclass(frozen=True, slots=True)
class Customer:
    """Who bought; personal data that stays in the ledger and the ERP.

    `email` is usually VTEX's alias for this one order, valid for two months, so it is no key.
    `state_inscription` is a company's number at the tax office of its state (Brazil).
    `customer_code` and `customer_class` are the store's own words for the customer.
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
    trade_name: str | None = None
    state_inscription: str | None = None
    corporate_phone: str | None = None
    customer_class: str | None = None
    customer_code: str | None = None


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
class Source:
    """A warehouse that serves a line, with its loading dock and its carrier (`deliveryIds[]`).

    `quantity` is how many pieces come from it, as they were sold; None where VTEX does not tell.
    """

    warehouse_id: str | None
    dock_id: str | None
    courier_id: str | None
    courier_name: str | None
    quantity: int | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """How one line reaches the customer.

    `channel` is VTEX's `delivery` or `pickup-in-point`. `estimate` is VTEX's term, such as `3bd`
    (three business days). `address` is the line's own, or its pickup point's; None where VTEX names
    none. `window_from` and `window_until` are the hours that the customer chose for a scheduled
    delivery. `price_cents` is the line's part of the freight, its discounts taken off.

    `sources` are all that serve the line; `warehouse_id`, `dock_id`, `courier_id` and
    `courier_name` are the first's.
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
    address: Address | None = None
    window_from: datetime | None = None
    window_until: datetime | None = None
    dock_id: str | None = None
    courier_name: str | None = None
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True)
class Payment:
    """One means of payment; `group` is VTEX's word, such as `creditCard` or `instantPayment`.

    `is_by_marketplace`: the marketplace took the money; VTEX says so by the `transaction_id`
    `PAYMENT-FROM-AFFILIATE`. `authorization` (`authId`) and `acquirer_document` (`acquirerCnpj`)
    are what Brazil's NT 2025.001 wants on the invoice.
    """

    id: str | None
    system: str | None
    name: str | None
    group: str | None
    value_cents: int
    installments: int
    transaction_id: str | None = None
    authorization: str | None = None
    acquirer_document: str | None = None
    is_by_marketplace: bool = False


@dataclass(frozen=True, slots=True)
class Totals:
    """The order's sums in cents, as VTEX wrote them; discounts are negative.

    `change_cents` is the total Change of a changed order, and `other_cents` all other totals.
    """

    items_cents: int
    discounts_cents: int
    shipping_cents: int
    tax_cents: int
    other_cents: int
    change_cents: int = 0


@dataclass(frozen=True, slots=True)
class Order:
    """An order of one account, read from the document that VTEX returned.

    `value_cents` is what the customer pays, and `reckoning` how it comes about: see there.
    `document` is VTEX's JSON, byte for byte, for what these fields leave out. `status` may be None
    and may be a word that VTEX adds tomorrow.

    `address` is the first delivery's: with `deliveries` to several places, each has its own.
    `invoice_address` is where the invoice goes, if the customer gave one. `remark` is the
    customer's (`openTextField`). `custom_data` is VTEX's `customData`, as JSON text.
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
    invoice_address: Address | None = None
    remark: str | None = None
    custom_data: str | None = None
    reckoning: Reckoning = field(default_factory=Reckoning)
