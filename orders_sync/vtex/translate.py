"""VTEX's documents become what the rest of the code knows. Pure; nothing else sees wire names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from orders_sync.domain.events import OrderEvent, UnreadableEvent
from orders_sync.domain.order import (
    Address,
    Customer,
    Delivery,
    Order,
    OrderLine,
    Payment,
    Totals,
)
from orders_sync.vtex.documents import (
    OrderSummary,
    parse_document,
    require,
    summarise,
    summary,
    validate,
)
from orders_sync.vtex.feed_configuration import FeedConfiguration
from orders_sync.vtex.fulfilment import fulfilment
from orders_sync.vtex.schemas import (
    ClientProfile,
    FeedItem,
    Item,
    LogisticsInfo,
    OrderDocument,
    PaymentData,
    PaymentEntry,
    ShippingAddress,
    Total,
)

__all__ = [
    "OrderSummary",
    "event",
    "feed_configuration",
    "fulfilment",
    "order",
    "payment",
    "summary",
]

_TOTALS: Final = frozenset({"Items", "Discounts", "Shipping", "Tax"})


def event(item: Any) -> OrderEvent | UnreadableEvent:
    """Read one item of the feed; one that is not an event is told as such and never raises."""
    read, problem = validate(FeedItem, item)
    if read is None:
        handle = item.get("handle") if isinstance(item, Mapping) else None
        return UnreadableEvent(handle if isinstance(handle, str) and handle else None, problem)
    return OrderEvent(
        order_id=read.order_id,
        domain=read.domain,
        state=read.state,
        last_state=read.last_state,
        current_change=read.current_change,
        event_id=read.event_id,
        handle=read.handle,
    )


def feed_configuration(data: Any) -> FeedConfiguration | None:
    """Read the feed's configuration; null and an empty object are none.

    Raises:
        Unreadable: it is something else.
    """
    if isinstance(data, Mapping):
        data = {key: value for key, value in data.items() if value is not None}
    if not data:
        return None
    return require(FeedConfiguration, data, "The feed's configuration")


def order(account: str, document: bytes) -> Order:
    """Read an order's document.

    Raises:
        Unreadable: the document lacks something that an ERP needs; the message names the place
            in it and what was expected there, without the content.
    """
    data = parse_document(document)
    read = require(OrderDocument, data, "The order's document")
    where = summarise(data)
    shipping, currency = read.shipping_data, read.store_preferences_data
    return Order(
        account=account,
        order_id=read.order_id,
        status=where.status,
        is_completed=where.is_completed,
        sequence=read.sequence,
        order_group=read.order_group,
        marketplace_order_id=read.marketplace_order_id,
        seller_order_id=read.seller_order_id,
        origin=read.origin,
        sales_channel=read.sales_channel,
        created_at=read.creation_date,
        currency=currency.currency_code if currency else None,
        value_cents=read.value,
        totals=_totals(read.totals),
        customer=_customer(read.client_profile_data or ClientProfile()),
        address=_address(shipping.address) if shipping and shipping.address else None,
        lines=tuple(_line(index, item) for index, item in enumerate(read.items)),
        deliveries=tuple(map(_delivery, shipping.logistics_info)) if shipping else (),
        payments=_payments(read.payment_data) if read.payment_data else (),
        cancel_reason=read.cancel_reason,
        document=document,
    )


def _line(index: int, item: Item) -> OrderLine:
    selling = item.price if item.selling_price is None else item.selling_price
    total = item.price_definition.total if item.price_definition else None
    return OrderLine(
        index=index,
        line_id=item.unique_id,
        sku=item.id,
        seller_sku=item.seller_sku or item.id,
        ref_id=item.ref_id,
        name=item.name,
        quantity=item.quantity,
        list_price_cents=item.price if item.list_price is None else item.list_price,
        price_cents=item.price,
        selling_price_cents=selling,
        total_cents=selling * item.quantity if total is None else total,
        tax_cents=item.tax,
        is_gift=item.is_gift,
        measurement_unit=item.measurement_unit,
        unit_multiplier=item.unit_multiplier,
    )


def _totals(totals: list[Total]) -> Totals:
    def sum_of(*ids: str) -> int:
        return sum(total.value for total in totals if total.id in ids)

    return Totals(
        items_cents=sum_of("Items"),
        discounts_cents=sum_of("Discounts"),
        shipping_cents=sum_of("Shipping"),
        tax_cents=sum_of("Tax"),
        other_cents=sum(total.value for total in totals if total.id not in _TOTALS),
    )


def _customer(profile: ClientProfile) -> Customer:
    return Customer(**profile.model_dump())


def _address(address: ShippingAddress) -> Address:
    return Address(
        kind=address.address_type,
        receiver=address.receiver_name,
        **address.model_dump(exclude={"address_type", "receiver_name"}),
    )


def _delivery(info: LogisticsInfo) -> Delivery:
    served_by = info.delivery_ids[0] if info.delivery_ids else None
    return Delivery(
        line_index=info.item_index,
        channel=info.delivery_channel,
        sla=info.selected_sla,
        company=info.delivery_company,
        price_cents=info.price,
        estimate=info.shipping_estimate,
        estimated_at=info.shipping_estimate_date,
        pickup_point_id=info.pickup_point_id,
        warehouse_id=served_by.warehouse_id if served_by else None,
        courier_id=served_by.courier_id if served_by else None,
    )


def _payments(data: PaymentData) -> tuple[Payment, ...]:
    return tuple(
        payment(entry)
        for transaction in data.transactions
        if transaction.is_active is not False
        for entry in transaction.payments
    )


def payment(entry: PaymentEntry) -> Payment:
    """Read one means of payment."""
    return Payment(
        id=entry.id,
        system=entry.payment_system,
        name=entry.payment_system_name,
        group=entry.group,
        value_cents=entry.value,
        installments=entry.installments,
    )
