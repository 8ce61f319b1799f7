"""Invoices and tracking as VTEX's JSON. Pure."""

from __future__ import annotations

from typing import Any

from orders_sync.domain.fulfilment import Invoice, InvoiceItem, TrackingData, TrackingProgress
from orders_sync.vtex.wording import (
    day_text,
    minute_text,
    moment_text,
    not_sendable,
    require_distinct,
    require_positive,
    require_text,
    without_nones,
)


def invoice_body(invoice: Invoice) -> dict[str, Any]:
    """Word an invoice. `invoiceValue` is a text of cents; `price` is a unit's, in cents.

    `cfop` is in what VTEX stores of a package, though not among what it says the route takes.

    Raises:
        ParkedError: VTEX would refuse or misread it.
    """
    if not invoice.items:
        raise not_sendable("The invoice has no items", "Name the SKUs that are invoiced.")
    require_distinct((item.sku for item in invoice.items), "The invoice")
    dispatched = invoice.dispatched_at
    return without_nones(
        type=invoice.type,
        issuanceDate=moment_text(invoice.issued_at, "issued_at"),
        invoiceNumber=require_text(invoice.number, "The invoice's number"),
        invoiceValue=str(require_positive(invoice.value_cents, "The invoice's value")),
        items=[_item(item) for item in invoice.items],
        invoiceKey=invoice.access_key,
        invoiceUrl=invoice.url,
        embeddedInvoice=invoice.embedded_invoice,
        courier=invoice.courier,
        trackingNumber=invoice.tracking_number,
        trackingUrl=invoice.tracking_url,
        dispatchedDate=None if dispatched is None else moment_text(dispatched, "dispatched_at"),
        cfop=invoice.cfop,
    )


def tracking_body(tracking: TrackingData) -> dict[str, Any]:
    """Word how a package travels; VTEX wants all four fields, and takes null in three.

    Raises:
        ParkedError: VTEX would refuse or misread it.
    """
    dispatched = tracking.dispatched_at
    return {
        "trackingNumber": require_text(tracking.tracking_number, "The tracking number"),
        "trackingUrl": tracking.tracking_url,
        "dispatchedDate": None if dispatched is None else moment_text(dispatched, "dispatched_at"),
        "courier": tracking.courier,
    }


def progress_body(progress: TrackingProgress) -> dict[str, Any]:
    """Word what happened to a package. Two fields have date formats of their own.

    Raises:
        ParkedError: VTEX would refuse or misread it.
    """
    if progress.delivered_at is not None and not progress.delivered:
        raise not_sendable(
            "The package has a time of delivery and is not delivered",
            "Say that it is delivered, or leave the time out.",
        )
    delivered = progress.delivered_at
    return {
        "isDelivered": progress.delivered,
        "deliveredDate": None if delivered is None else minute_text(delivered),
        "events": [
            {
                "city": event.city,
                "state": event.state,
                "description": require_text(event.description, "An event's description"),
                "date": day_text(event.date),
            }
            for event in progress.events
        ],
    }


def _item(item: InvoiceItem) -> dict[str, Any]:
    if item.price_cents < 0:
        raise not_sendable(
            f"The price of SKU {item.sku} is below 0", "Give the price of one unit in cents."
        )
    return without_nones(
        id=require_text(item.sku, "An item's SKU"),
        price=item.price_cents,
        quantity=require_positive(item.quantity, f"The quantity of SKU {item.sku}"),
        description=item.description,
    )
