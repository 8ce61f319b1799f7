"""An order as the rows of the staging tables."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orders_sync.domain.order import Address, Customer, Delivery, Order, OrderLine

Row = dict[str, Any]


def order_row(order: Order) -> Row:
    """Turn an order into its row of `erp_orders`, without account, reference and state."""
    totals = order.totals
    return {
        "order_id": order.order_id,
        "status": order.status,
        "sequence": order.sequence,
        "order_group": order.order_group,
        "marketplace_order_id": order.marketplace_order_id,
        "seller_order_id": order.seller_order_id,
        "origin": order.origin,
        "sales_channel": order.sales_channel,
        "created_at": utc(order.created_at),
        "currency": order.currency,
        "value_cents": order.value_cents,
        "items_cents": totals.items_cents,
        "discounts_cents": totals.discounts_cents,
        "shipping_cents": totals.shipping_cents,
        "tax_cents": totals.tax_cents,
        "other_cents": totals.other_cents,
        "payments": json.dumps([asdict(payment) for payment in order.payments]),
        "document": order.document,
        **_customer(order.customer),
        **_address(order.address),
    }


def tombstone_row(order_id: str) -> Row:
    """Make a row of `erp_orders` for an order of which no more is known than its id.

    Account, reference, state, times and reason are left out. It has no `status`, which every
    order has.
    """
    return {
        "order_id": order_id,
        "status": None,
        "value_cents": 0,
        "items_cents": 0,
        "discounts_cents": 0,
        "shipping_cents": 0,
        "tax_cents": 0,
        "other_cents": 0,
        "customer_is_corporate": False,
        "payments": "[]",
        "document": b"{}",
    }


def line_rows(order: Order) -> list[Row]:
    """Turn an order's lines into their rows of `erp_order_lines`, without the account."""
    deliveries = {delivery.line_index: delivery for delivery in order.deliveries}
    return [
        {"order_id": order.order_id, **_line(line), **_delivery(deliveries.get(line.index))}
        for line in order.lines
    ]


def utc(moment: datetime | None) -> datetime | None:
    """Bring a time to UTC, since SQLite and MySQL keep no zone; a time without one is UTC."""
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _customer(customer: Customer) -> Row:
    return {
        "customer_first_name": customer.first_name,
        "customer_last_name": customer.last_name,
        "customer_document_type": customer.document_type,
        "customer_document": customer.document,
        "customer_email": customer.email,
        "customer_phone": customer.phone,
        "customer_is_corporate": customer.is_corporate,
        "customer_corporate_name": customer.corporate_name,
        "customer_corporate_document": customer.corporate_document,
    }


def _address(address: Address | None) -> Row:
    if address is None:
        return {}
    return {
        "ship_kind": address.kind,
        "ship_receiver": address.receiver,
        "ship_postal_code": address.postal_code,
        "ship_street": address.street,
        "ship_number": address.number,
        "ship_complement": address.complement,
        "ship_neighborhood": address.neighborhood,
        "ship_reference": address.reference,
        "ship_city": address.city,
        "ship_state": address.state,
        "ship_country": address.country,
    }


def _line(line: OrderLine) -> Row:
    return {
        "line_index": line.index,
        "line_id": line.line_id,
        "sku": line.sku,
        "seller_sku": line.seller_sku,
        "ref_id": line.ref_id,
        "name": line.name,
        "quantity": line.quantity,
        "list_price_cents": line.list_price_cents,
        "price_cents": line.price_cents,
        "selling_price_cents": line.selling_price_cents,
        "total_cents": line.total_cents,
        "tax_cents": line.tax_cents,
        "measurement_unit": line.measurement_unit,
        "unit_multiplier": line.unit_multiplier,
        "is_gift": line.is_gift,
    }


def _delivery(delivery: Delivery | None) -> Row:
    """Turn a line's delivery into its columns; all rows of one insert have the same ones."""
    return {
        "delivery_channel": delivery and delivery.channel,
        "delivery_sla": delivery and delivery.sla,
        "delivery_company": delivery and delivery.company,
        "delivery_price_cents": delivery and delivery.price_cents,
        "delivery_estimate": delivery and delivery.estimate,
        "delivery_estimated_at": delivery and utc(delivery.estimated_at),
        "pickup_point_id": delivery and delivery.pickup_point_id,
        "warehouse_id": delivery and delivery.warehouse_id,
    }
