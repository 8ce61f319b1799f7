"""An invoice, and how it looks in an order's document: a package.

https://developers.vtex.com/docs/api-reference/orders-api#get-/api/oms/pvt/orders/-orderId-
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from orders_sync.sandbox.goods import CartLine

InvoiceType = Literal["Output", "Input"]


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """One article on an invoice; `price_cents` is for one unit."""

    sku: str
    quantity: int
    price_cents: int
    description: str | None


@dataclass(frozen=True, slots=True)
class CarrierEvent:
    """One thing that a carrier reported; `noted_at` is when VTEX heard of it."""

    city: str
    state: str
    description: str
    date: str
    noted_at: str


@dataclass(slots=True)
class Invoice:
    """A sale (Output) or a return (Input), and what its carrier reported.

    `effects` counts how often it took effect; `refund_problem` says why a return paid nothing back.
    """

    number: str
    type: InvoiceType
    value_cents: int
    issued_at: str
    lines: tuple[InvoiceLine, ...]
    key: str | None
    url: str | None
    embedded: str | None
    courier: str | None
    tracking_number: str | None
    tracking_url: str | None
    dispatched_at: str | None
    cfop: str | None
    events: tuple[CarrierEvent, ...] = ()
    is_tracked: bool = False
    is_delivered: bool = False
    delivered_at: str | None = None
    effects: int = 0
    refund_cents: int = 0
    refund_problem: str | None = None
    is_shown: bool = field(default=False)


def package_json(invoice: Invoice, lines: Sequence[CartLine], order_cents: int) -> dict[str, Any]:
    """Write an invoice as an element of `packageAttachment.packages`."""
    return {
        "items": _items(invoice, lines, order_cents),
        "courier": invoice.courier,
        "invoiceNumber": invoice.number,
        "invoiceValue": invoice.value_cents,
        "invoiceUrl": invoice.url,
        "issuanceDate": invoice.issued_at,
        "trackingNumber": invoice.tracking_number,
        "invoiceKey": invoice.key,
        "trackingUrl": invoice.tracking_url,
        "embeddedInvoice": invoice.embedded,
        "type": invoice.type,
        "courierStatus": _courier_status(invoice) if invoice.is_tracked else None,
        "cfop": invoice.cfop,
        "restitutions": {"Refund": _refund(invoice)} if invoice.refund_cents else {},
        "volumes": None,
        "EnableInferItems": None,
    }


def _items(invoice: Invoice, lines: Sequence[CartLine], order_cents: int) -> list[dict[str, Any]]:
    places = {line.sku.id: index for index, line in reversed(list(enumerate(lines)))}
    names = {line.sku.id: line.sku.name for line in lines}
    # Known issue 1330069: an invoice of the whole order has its descriptions written over.
    is_whole = invoice.value_cents >= order_cents
    return [
        {
            "itemIndex": places.get(line.sku, 0),
            "quantity": line.quantity,
            "price": line.price_cents,
            "description": names.get(line.sku) if is_whole else line.description,
            "unitMultiplier": 0.0,
        }
        for line in invoice.lines
    ]


def _courier_status(invoice: Invoice) -> dict[str, Any]:
    return {
        "status": invoice.events[-1].description if invoice.events else None,
        "finished": invoice.is_delivered,
        "deliveredDate": invoice.delivered_at,
        "data": [
            {
                "lastChange": event.noted_at,
                "city": event.city,
                "state": event.state,
                "description": event.description,
                "createDate": event.date,
            }
            for event in invoice.events
        ],
    }


def _refund(invoice: Invoice) -> dict[str, Any]:
    return {
        "value": invoice.refund_cents,
        "giftCardData": None,
        "items": [
            {
                "useFreight": False,
                "isCompensation": False,
                "compensationValue": 0,
                "id": line.sku,
                "quantity": line.quantity,
                "price": line.price_cents,
                "description": line.description,
            }
            for line in invoice.lines
        ],
    }
