"""Where each line of an order goes, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from orders_sync.domain.order import Address, Delivery, Source
from orders_sync.domain.order_changes import LineAmounts
from orders_sync.vtex.schemas import (
    DeliveryId,
    DeliveryWindow,
    LogisticsInfo,
    ShippingAddress,
    ShippingData,
)

_PICKUP: Final = "pickup-in-point"


def paid_cents(info: LogisticsInfo) -> int:
    """Return the line's part of the freight, its discounts taken off."""
    return info.price if info.selling_price is None else info.selling_price


def address(address: ShippingAddress) -> Address:
    """Read an address."""
    return Address(
        kind=address.address_type,
        receiver=address.receiver_name,
        **address.model_dump(exclude={"address_id", "address_type", "receiver_name"}),
    )


def deliveries(shipping: ShippingData, lines: Sequence[LineAmounts]) -> tuple[Delivery, ...]:
    """Read the delivery of each line that the shopper has.

    A line that a change added has VTEX's own delivery if there is one, else the one that the line
    of its SKU has, or that all lines have in common, at no price.
    """
    infos = {info.item_index: info for info in reversed(shipping.logistics_info)}
    own = {index: _delivery(info, shipping) for index, info in infos.items()}
    places = {(delivery.channel, delivery.address) for delivery in own.values()}
    common = next(iter(own.values()), None) if len(places) == 1 else None
    rows = []
    for line in lines:
        if line.index in own:
            rows.append(own[line.index])
        elif line.index != line.origin:
            model = own.get(line.origin, common) if line.origin is not None else common
            if model is not None:
                rows.append(_as_added(model, line.index))
    return tuple(rows)


def _as_added(model: Delivery, line_index: int) -> Delivery:
    """Return a line's delivery as that of an added line: no price, and pieces from anywhere."""
    places = tuple(replace(source, quantity=None) for source in model.sources)
    return replace(model, line_index=line_index, price_cents=0, sources=places)


def _delivery(info: LogisticsInfo, shipping: ShippingData) -> Delivery:
    served_by = info.delivery_ids[0] if info.delivery_ids else DeliveryId()
    window = info.delivery_window or DeliveryWindow()
    return Delivery(
        line_index=info.item_index,
        channel=info.delivery_channel,
        sla=info.selected_sla,
        company=info.delivery_company,
        price_cents=paid_cents(info),
        estimate=info.shipping_estimate,
        estimated_at=info.shipping_estimate_date,
        pickup_point_id=info.pickup_point_id,
        warehouse_id=served_by.warehouse_id,
        courier_id=served_by.courier_id,
        address=_address_of(info, shipping),
        window_from=window.start_date_utc,
        window_until=window.end_date_utc,
        dock_id=served_by.dock_id,
        courier_name=served_by.courier_name,
        sources=tuple(Source(**entry.model_dump()) for entry in info.delivery_ids),
    )


def _address_of(info: LogisticsInfo, shipping: ShippingData) -> Address | None:
    """Find where a line goes; None where it names an address that the document does not have.

    `addressId` names one of `selectedAddresses`; `shippingData.address` is only the first of them.
    """
    known = [*shipping.selected_addresses, *([shipping.address] if shipping.address else [])]
    named = next((a for a in known if info.address_id and a.address_id == info.address_id), None)
    if named is not None:
        return address(named)
    store = info.pickup_store_info.address if info.pickup_store_info else None
    if info.delivery_channel == _PICKUP and store is not None:
        return address(store)
    is_only = len({a.address_id for a in known}) == 1
    return address(known[-1]) if known and (is_only or not info.address_id) else None
