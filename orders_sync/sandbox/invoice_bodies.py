"""Reads what an ERP says of an invoice and of its tracking, or refuses it.

https://developers.vtex.com/docs/api-reference/orders-api#post-/api/oms/pvt/orders/-orderId-/invoice
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

from orders_sync.sandbox import bodies
from orders_sync.sandbox.invoices import Invoice, InvoiceLine, TrackingEvent


class Progress(NamedTuple):
    """What a PUT of tracking says."""

    events: tuple[TrackingEvent, ...]
    is_delivered: bool
    delivered_at: str | None


def parse_invoice(data: dict[str, Any], skus: AbstractSet[str]) -> Invoice:
    """Read the body of an invoice for an order of these SKUs."""
    kind = bodies.text(data, "type")
    if kind not in {"Output", "Input"}:
        raise bodies.bad_body("The field type must be Output or Input")
    issued_at = bodies.moment(data, "issuanceDate")
    if " " in issued_at:
        raise bodies.bad_body("The field issuanceDate is not a date")
    return Invoice(
        number=bodies.text(data, "invoiceNumber"),
        type="Output" if kind == "Output" else "Input",
        value_cents=_cents(data.get("invoiceValue")),
        issued_at=issued_at,
        lines=tuple(_line(item, skus) for item in bodies.objects(data, "items")),
        key=bodies.optional_text(data, "invoiceKey"),
        url=bodies.optional_text(data, "invoiceUrl"),
        embedded=bodies.optional_text(data, "embeddedInvoice"),
        courier=bodies.optional_text(data, "courier"),
        tracking_number=bodies.optional_text(data, "trackingNumber"),
        tracking_url=bodies.optional_text(data, "trackingUrl"),
        dispatched_at=bodies.optional_text(data, "dispatchedDate"),
        cfop=bodies.optional_text(data, "cfop"),
    )


def parse_tracking(data: dict[str, Any], noted_at: str) -> Progress:
    """Read the body of a PUT of tracking."""
    delivered_at = None
    if data.get("deliveredDate") is not None:
        delivered_at = bodies.moment(data, "deliveredDate")
    return Progress(
        events=tuple(_event(event, noted_at) for event in bodies.objects(data, "events")),
        is_delivered=bodies.flag(data, "isDelivered"),
        delivered_at=delivered_at,
    )


def _cents(value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise bodies.bad_body("The field invoiceValue must be a number of cents above zero")
    return value


def _line(item: dict[str, Any], skus: AbstractSet[str]) -> InvoiceLine:
    sku = bodies.text(item, "id")
    if sku not in skus:
        raise bodies.bad_body(f"Item {sku} was not found in the order")
    return InvoiceLine(
        sku=sku,
        quantity=bodies.whole(item, "quantity", least=1),
        price_cents=bodies.whole(item, "price"),
        description=bodies.optional_text(item, "description"),
    )


def _event(data: dict[str, Any], noted_at: str) -> TrackingEvent:
    return TrackingEvent(
        city=bodies.text(data, "city"),
        state=bodies.text(data, "state"),
        description=bodies.text(data, "description"),
        date=bodies.moment(data, "date"),
        noted_at=noted_at,
    )
