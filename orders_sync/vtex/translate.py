"""VTEX's documents become what the rest of the code knows. Pure; nothing else sees wire names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

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
from orders_sync.errors import Unreadable
from orders_sync.vtex.feed_configuration import FeedConfiguration
from orders_sync.vtex.parsing import parse_json
from orders_sync.vtex.schemas import (
    ClientProfile,
    FeedItem,
    Item,
    LogisticsInfo,
    OrderDocument,
    PaymentData,
    ShippingAddress,
    Total,
)

M = TypeVar("M", bound=BaseModel)

_TOTALS: Final = frozenset({"Items", "Discounts", "Shipping", "Tax"})


@dataclass(frozen=True, slots=True)
class OrderSummary:
    """Where an order stands; `status` may be None, and may be a word that VTEX adds tomorrow."""

    status: str | None
    is_completed: bool


def event(item: Any) -> OrderEvent | UnreadableEvent:
    """Read one item of the feed; one that is not an event is told as such and never raises."""
    read, problem = _validate(FeedItem, item)
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


def summary(document: bytes) -> OrderSummary:
    """Read where an order stands, however malformed the rest of its document is.

    Raises:
        Unreadable: the document is not a JSON object.
    """
    return _summarise(_parse(document))


def feed_configuration(data: Any) -> FeedConfiguration | None:
    """Read the feed's configuration; null and an empty object are none.

    Raises:
        Unreadable: it is something else.
    """
    if isinstance(data, Mapping):
        data = {key: value for key, value in data.items() if value is not None}
    if not data:
        return None
    read, problem = _validate(FeedConfiguration, data)
    if read is None:
        raise Unreadable(f"The feed's configuration cannot be read: {problem}.")
    return read


def order(account: str, document: bytes) -> Order:
    """Read an order's document.

    Raises:
        Unreadable: the document lacks something that an ERP needs; the message names the place
            in it and what was expected there, without the content.
    """
    data = _parse(document)
    read, problem = _validate(OrderDocument, data)
    if read is None:
        raise Unreadable(f"The order's document cannot be read: {problem}.")
    where = _summarise(data)
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


def _parse(document: bytes) -> dict[str, Any]:
    try:
        data = parse_json(document)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise Unreadable("The order's document must be a JSON object and is none.")
    return data


def _validate(model: type[M], data: Any) -> tuple[M | None, str]:
    try:
        return model.model_validate(data), ""
    except ValidationError as error:
        return None, _problem(error)


def _problem(error: ValidationError) -> str:
    """Word the first thing that is wrong; the names come from our schemas, never from the data."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    path = "$" + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in first["loc"])
    expected = "is missing" if first["type"] == "missing" else first["msg"]
    expected = expected.removeprefix("Value error, ").replace("Input should", "should")
    return f"{path} {expected[0].lower()}{expected[1:]}"


def _summarise(data: Mapping[str, Any]) -> OrderSummary:
    """Read status and completeness; where `isCompleted` stands, only true is complete."""
    status = data.get("status")
    return OrderSummary(
        status=status if isinstance(status, str) and status else None,
        is_completed=data.get("isCompleted", True) in (True, "true", "True"),
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
        Payment(
            id=payment.id,
            system=payment.payment_system,
            name=payment.payment_system_name,
            group=payment.group,
            value_cents=payment.value,
            installments=payment.installments,
        )
        for transaction in data.transactions
        if transaction.is_active is not False
        for payment in transaction.payments
    )
