"""An order in the words of the Tryton module `orders_sync`; money in cents. Pure.

What becomes of it there is in `deploy/tryton/orders_sync_tryton/selling.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Final, TypedDict
from zoneinfo import ZoneInfo

from orders_sync.domain.order import (
    Address,
    ChargedService,
    Customer,
    Delivery,
    Order,
    OrderLine,
    Payment,
)

#: Whose day a sale is of; Tryton's sales have no time.
_DAYS: Final = ZoneInfo("America/Sao_Paulo")
#: Tryton's types of identifiers, by VTEX's.
_TYPES: Final = {"cpf": "br_cpf", "cnpj": "br_cnpj"}
_NO_CODE: Final = re.compile(r"[^0-9A-Z]")


class CustomerFacts(TypedDict):
    """Who bought: `key` is the same for the same document; `code` is empty where there is none."""

    key: str
    code: str
    type: str | None
    name: str


class AddressFacts(TypedDict):
    """An address; `country` is ISO 3166's code of three letters, as VTEX has it."""

    party_name: str | None
    street_name: str | None
    building_number: str | None
    unit_number: str | None
    neighborhood: str | None
    landmark: str | None
    postal_code: str | None
    city: str | None
    state: str | None
    country: str | None


class PartFacts(TypedDict):
    """A part of a kit: its codes by VTEX's name for them, and how many are in all pieces."""

    codes: dict[str, str | None]
    sku: str
    name: str
    pieces: int


class LineFacts(TypedDict):
    """A part of the order's value; those of all lines together are the value.

    `part` is `item`, or one of the module's charges. Of an item, `units` are its pieces in VTEX's
    own `unit`, as a decimal number.
    """

    part: str
    index: int | None
    line_id: str | None
    sku: str | None
    name: str
    total_cents: int
    pieces: int
    unit: str | None
    units: str
    codes: dict[str, str | None]
    components: list[PartFacts]


class SaleFacts(TypedDict):
    """All that Tryton is told of an order."""

    currency: str | None
    value_cents: int
    sold_on: str | None
    warehouse: str | None
    description: str
    comment: str
    customer: CustomerFacts
    customer_email: str | None
    customer_phone: str | None
    address: AddressFacts
    invoice_address: AddressFacts
    payments: str
    remark: str | None
    lines: list[LineFacts]


def facts_of(order: Order) -> SaleFacts:
    """Return what Tryton is told of an order."""
    customer, sold_at = order.customer, order.created_at
    first = order.deliveries[0] if order.deliveries else None
    return SaleFacts(
        currency=order.currency,
        value_cents=order.value_cents,
        sold_on=sold_at.astimezone(_DAYS).date().isoformat() if sold_at else None,
        warehouse=first.warehouse_id if first else None,
        description=_line_of(f"VTEX {order.order_id}"),
        comment="\n".join(dict.fromkeys(_comments(order))),
        customer=_customer(order),
        customer_email=_in_one_line(customer.email),
        customer_phone=_in_one_line(customer.corporate_phone or customer.phone),
        address=_address(order.address),
        invoice_address=_address(order.invoice_address or order.address),
        payments="\n".join(map(_payment, order.payments)),
        remark=order.remark,
        lines=list(_lines(order)),
    )


def _customer(order: Order) -> CustomerFacts:
    """Return who is invoiced: the company, where a company bought.

    A customer without a document is another one with every order, since an e-mail of VTEX's is of
    one order alone.
    """
    customer = order.customer
    kind, document, name = _identity(customer)
    code = _NO_CODE.sub("", (document or "").upper())
    key = f"{kind}/{code}" if code else f"{order.account}/{order.order_id}"
    return CustomerFacts(
        key=key,
        code=code,
        type=_TYPES.get(kind),
        name=_line_of(name) or _line_of(f"VTEX {order.order_id}"),
    )


def _identity(customer: Customer) -> tuple[str, str | None, str]:
    person = f"{customer.first_name} {customer.last_name}".strip()
    if customer.is_corporate and customer.corporate_document:
        name = customer.corporate_name or customer.trade_name or person
        return "cnpj", customer.corporate_document, name
    return (customer.document_type or "").casefold(), customer.document, person


def _address(address: Address | None) -> AddressFacts:
    if address is None:
        address = Address(*[None] * 11)
    return AddressFacts(
        party_name=_in_one_line(address.receiver),
        street_name=_in_one_line(address.street),
        building_number=_in_one_line(address.number),
        unit_number=_in_one_line(address.complement),
        neighborhood=_in_one_line(address.neighborhood),
        landmark=_in_one_line(address.reference),
        postal_code=_in_one_line(address.postal_code),
        city=_in_one_line(address.city),
        state=_in_one_line(address.state),
        country=_in_one_line(address.country),
    )


def _lines(order: Order) -> Iterator[LineFacts]:
    """Yield the parts of the value, as the reckoning has them; empty ones are left out."""
    for line in order.lines:
        yield _item(line)
        if line.tax_cents:
            yield _charge("tax", line.tax_cents, line.name, line)
        for service in line.services:
            yield _service(line, service)
    reckoning = order.reckoning
    for part, cents in (
        ("freight", reckoning.freight_cents),
        ("discount", reckoning.discounts_cents),
        ("change", reckoning.changes_cents),
        ("other", reckoning.other_cents),
        ("difference", reckoning.difference_cents),
    ):
        if cents:
            name = reckoning.reason.value if part == "difference" and reckoning.reason else part
            yield _charge(part, cents, name.capitalize())


def _item(line: OrderLine) -> LineFacts:
    units = line.quantity * Decimal(repr(line.unit_multiplier))
    return LineFacts(
        part="item",
        index=line.index,
        line_id=line.line_id or None,
        sku=_line_of(line.sku),
        name=_line_of(line.name),
        total_cents=line.total_cents,
        pieces=line.quantity,
        unit=line.measurement_unit,
        units=str(units),
        codes=_codes(line.ref_id, line.seller_sku, line.sku),
        components=[
            PartFacts(
                codes=_codes(part.ref_id, part.seller_sku, part.sku),
                sku=_line_of(part.sku),
                name=_line_of(part.name),
                pieces=part.quantity * line.quantity,
            )
            for part in line.components
        ],
    )


def _service(line: OrderLine, service: ChargedService) -> LineFacts:
    name = f"{service.name} ({service.quantity})"
    return _charge("service", service.total_cents, name, line)


def _charge(part: str, cents: int, name: str, line: OrderLine | None = None) -> LineFacts:
    return LineFacts(
        part=part,
        index=line.index if line else None,
        line_id=(line.line_id or None) if line else None,
        sku=_line_of(line.sku) if line else None,
        name=_line_of(name),
        total_cents=cents,
        pieces=1,
        unit=None,
        units="1",
        codes={},
        components=[],
    )


def _codes(ref_id: str | None, seller_sku: str, sku: str) -> dict[str, str | None]:
    return {"ref_id": ref_id, "seller_sku": seller_sku, "sku": sku}


def _comments(order: Order) -> Iterator[str]:
    """Yield how the goods travel, for the people who pack them."""
    for delivery in order.deliveries:
        words = [delivery.sla, delivery.company, _window(delivery), delivery.pickup_point_id]
        yield " · ".join(word for word in words if word)
    if order.marketplace_order_id and order.marketplace_order_id != order.order_id:
        yield f"{order.origin or 'Marketplace'} {order.marketplace_order_id}"


def _window(delivery: Delivery) -> str | None:
    if delivery.window_from is None:
        day = delivery.estimated_at
        return f"{day.astimezone(_DAYS):%d/%m/%Y}" if day else None
    start = delivery.window_from.astimezone(_DAYS)
    end = delivery.window_until
    return f"{start:%d/%m/%Y %H:%M}{f'-{end.astimezone(_DAYS):%H:%M}' if end else ''}"


def _payment(payment: Payment) -> str:
    words = [
        payment.name or payment.group or "?",
        f"{payment.value_cents / 100:.2f}",
        f"{payment.installments} x",
        payment.authorization,
        payment.acquirer_document,
    ]
    return " · ".join(word for word in words if word)


def _in_one_line(text: str | None) -> str | None:
    return None if text is None else _line_of(text)


def _line_of(text: str) -> str:
    """Return a text with one space for each gap: Tryton takes no tab and no end of a line in it.

    https://docs.tryton.org/latest/server/ref/fields.html#trytond.model.fields.Char
    """
    return " ".join(text.split())
