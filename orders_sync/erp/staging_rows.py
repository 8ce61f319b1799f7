"""An order as the rows of the staging tables.

A text that is longer than its column is cut: the document has it whole.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import String, Table

from orders_sync.erp.staging_tables import (
    ERP_ORDER_CHANGES,
    ERP_ORDER_COMPONENTS,
    ERP_ORDER_LINES,
    ERP_ORDER_SERVICES,
    ERP_ORDERS,
)

if TYPE_CHECKING:
    from orders_sync.domain.differences import (
        Changes,
        DeliveryChange,
        LineChange,
        PaymentChange,
    )
    from orders_sync.domain.order import Address, Customer, Delivery, Order, OrderLine

Row = dict[str, Any]

#: Of a TEXT, which ends at 65,535 bytes on MySQL: four a letter.
_TEXT_LENGTH: Final = 16_000
_WHOLE: Final = frozenset({"payments", "custom_data", "sources"})


def order_row(order: Order) -> Row:
    """Turn an order into its row of `erp_orders`, without account, reference and state."""
    totals, reckoning = order.totals, order.reckoning
    row = {
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
        "lines_cents": reckoning.lines_cents,
        "services_cents": reckoning.services_cents,
        "freight_cents": reckoning.freight_cents,
        "beside_cents": reckoning.discounts_cents,
        "line_taxes_cents": reckoning.tax_cents,
        "changes_cents": reckoning.changes_cents,
        "difference_cents": reckoning.difference_cents,
        "difference_reason": reckoning.reason and reckoning.reason.value,
        "destinations": _destinations(order),
        "remark": order.remark,
        "custom_data": order.custom_data,
        **_customer(order.customer),
        **_address("ship", order.address),
        **_address("invoice", order.invoice_address, number="invoice_house_number"),
    }
    return _fitted(ERP_ORDERS, row)


def tombstone_row(order_id: str) -> Row:
    """Return a row of `erp_orders` for an order of which no more is known than its id.

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
    rows = [
        {"order_id": order.order_id, **_line(line), **_delivery(deliveries.get(line.index))}
        for line in order.lines
    ]
    return [_fitted(ERP_ORDER_LINES, row) for row in rows]


def component_rows(order: Order) -> list[Row]:
    """Turn the components of an order's kits into their rows, without the account."""
    rows = [
        {
            "order_id": order.order_id,
            "line_index": line.index,
            "component_index": index,
            "line_id": line.line_id,
            **asdict(component),
        }
        for line in order.lines
        for index, component in enumerate(line.components)
    ]
    return [_fitted(ERP_ORDER_COMPONENTS, row) for row in rows]


def service_rows(order: Order) -> list[Row]:
    """Turn the services of an order into their rows, without the account."""
    rows = [
        {
            "order_id": order.order_id,
            "line_index": line.index,
            "service_index": index,
            "line_id": line.line_id,
            "service_id": service.id,
            "name": service.name,
            "kind": service.kind,
            "quantity": service.quantity,
            "price_cents": service.price_cents,
            "total_cents": service.total_cents,
            "is_in_line": service.is_in_line,
        }
        for line in order.lines
        for index, service in enumerate(line.services)
    ]
    return [_fitted(ERP_ORDER_SERVICES, row) for row in rows]


def change_rows(order_id: str, changes: Changes) -> list[Row]:
    """Turn what differs in an order into its rows of `erp_order_changes`, without the account."""
    rows: list[Row] = [_line_change(line) for line in changes.lines]
    if changes.is_of_value:
        before, after = changes.value_before_cents, changes.value_after_cents
        rows.append({"what": "value", "total_before_cents": before, "total_after_cents": after})
    rows += [_part_change(part, line_index=part.line_index) for part in changes.deliveries]
    rows += [_part_change(part, line_index=None) for part in changes.payments]
    blank = dict.fromkeys(column.name for column in ERP_ORDER_CHANGES.columns)
    key = {"order_id": order_id, "revision": changes.revision}
    return [
        _fitted(ERP_ORDER_CHANGES, {**blank, **key, "change_index": index, **row})
        for index, row in enumerate(rows)
    ]


def _line_change(line: LineChange) -> Row:
    row: Row = {
        "what": "line",
        "line_index": line.index,
        "line_id": line.line_id,
        "sku": line.sku,
    }
    for when, state in (("before", line.before), ("after", line.after)):
        if state is not None:
            row[f"quantity_{when}"] = state.quantity
            row[f"multiplier_{when}"] = state.unit_multiplier
            row[f"total_{when}_cents"] = state.total_cents
    return row


def _part_change(change: DeliveryChange | PaymentChange, *, line_index: int | None) -> Row:
    return {
        "what": change.part.value,
        "line_index": line_index,
        "text_before": change.before,
        "text_after": change.after,
    }


def _fitted(table: Table, row: Row) -> Row:
    """Cut each text to its column's length."""
    return {name: _cut(table, name, value) for name, value in row.items()}


def _cut(table: Table, name: str, value: Any) -> Any:
    kind = table.c[name].type
    if not isinstance(value, str) or not isinstance(kind, String) or name in _WHOLE:
        return value
    return value[: kind.length or _TEXT_LENGTH]


def _destinations(order: Order) -> int:
    """Count the places that the lines go to; a line without its own goes to the order's."""
    places = {delivery.line_index: delivery.address for delivery in order.deliveries}
    destinations = {places.get(line.index) or order.address for line in order.lines}
    return len(destinations - {None})


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
        "customer_trade_name": customer.trade_name,
        "customer_state_inscription": customer.state_inscription,
        "customer_corporate_phone": customer.corporate_phone,
        "customer_class": customer.customer_class,
        "customer_code": customer.customer_code,
    }


def _address(prefix: str, address: Address | None, *, number: str | None = None) -> Row:
    """Turn an address into its columns; all rows of one insert have the same ones."""
    return {
        f"{prefix}_kind": address and address.kind,
        f"{prefix}_receiver": address and address.receiver,
        f"{prefix}_postal_code": address and address.postal_code,
        f"{prefix}_street": address and address.street,
        number or f"{prefix}_number": address and address.number,
        f"{prefix}_complement": address and address.complement,
        f"{prefix}_neighborhood": address and address.neighborhood,
        f"{prefix}_reference": address and address.reference,
        f"{prefix}_city": address and address.city,
        f"{prefix}_state": address and address.state,
        f"{prefix}_country": address and address.country,
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
        "unit_list_price_cents": line.unit_list_price_cents,
        "unit_price_cents": line.unit_price_cents,
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
        "delivery_from": delivery and utc(delivery.window_from),
        "delivery_until": delivery and utc(delivery.window_until),
        "dock_id": delivery and delivery.dock_id,
        "courier_id": delivery and delivery.courier_id,
        "courier_name": delivery and delivery.courier_name,
        "sources": delivery and json.dumps([asdict(source) for source in delivery.sources]),
        **_address("ship", delivery.address if delivery else None),
    }
