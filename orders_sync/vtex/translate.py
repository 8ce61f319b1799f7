"""VTEX's documents become what the rest of the code knows. Pure; nothing else sees wire names."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from orders_sync.domain.amounts import ChargedService, amounts_now
from orders_sync.domain.line_prices import piece_cents
from orders_sync.domain.order import (
    Address,
    Component,
    Customer,
    Delivery,
    Order,
    OrderLine,
    Payment,
    Source,
    Totals,
)
from orders_sync.domain.order_changes import LineAmounts
from orders_sync.vtex.amounts import sale
from orders_sync.vtex.documents import (
    OrderSummary,
    clean_json,
    clean_text,
    parse_document,
    require,
    summarise,
    summary,
)
from orders_sync.vtex.fulfilment import fulfilment
from orders_sync.vtex.order_document import Item, KitComponent, OrderDocument, Total
from orders_sync.vtex.schemas import (
    ClientProfile,
    ConnectorResponses,
    DeliveryId,
    DeliveryWindow,
    LogisticsInfo,
    PaymentData,
    PaymentEntry,
    ShippingAddress,
    ShippingData,
)

__all__ = [
    "OrderSummary",
    "fulfilment",
    "order",
    "payment",
    "summary",
]

_PICKUP: Final = "pickup-in-point"
_TOTALS: Final = frozenset({"items", "discounts", "shipping", "tax", "change"})

#: VTEX's words for money that the marketplace took; the second is the older one.
_BY_MARKETPLACE: Final = "PAYMENT-FROM-AFFILIATE"
_ASSUMED: Final = "assumed value by affiliate"


def order(account: str, document: bytes) -> Order:
    """Read an order's document, with its lines as the shopper has them at this time.

    Raises:
        Unreadable: the document lacks something that an ERP needs; the message names the place
            in it and what was expected there, without the content.
    """
    data = parse_document(document)
    read = require(OrderDocument, data, "The order's document")
    where = summarise(data)
    shipping, currency = read.shipping_data, read.store_preferences_data
    amounts = amounts_now(sale(read))
    invoice = read.invoice_data.address if read.invoice_data else None
    return Order(
        account=account,
        order_id=read.order_id,
        status=clean_text(where.status),
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
        lines=tuple(
            _line(line, read.items, amounts.services.get(line.index, ())) for line in amounts.lines
        ),
        deliveries=_deliveries(shipping, amounts.lines) if shipping else (),
        payments=_payments(read.payment_data) if read.payment_data else (),
        cancel_reason=read.cancel_reason,
        document=bytes(document),
        invoice_address=_address(invoice) if invoice else None,
        remark=(read.open_text_field.value if read.open_text_field else None) or None,
        custom_data=_custom_data(read.custom_data),
        reckoning=amounts.reckoning,
    )


def _line(
    line: LineAmounts, items: Sequence[Item], services: tuple[ChargedService, ...]
) -> OrderLine:
    """Join a line's amounts with the texts of its SKU's line in `items[]`, if there is one."""
    item = None if line.origin is None else items[line.origin]
    is_own = item is not None and line.origin == line.index
    unit_list = (
        line.unit_price_cents if item is None or item.list_price is None else item.list_price
    )
    return OrderLine(
        index=line.index,
        line_id=line.line_id,
        sku=line.sku,
        seller_sku=line.seller_sku,
        ref_id=item.ref_id if item else None,
        name=item.name if item else line.name,
        quantity=line.quantity,
        list_price_cents=piece_cents(unit_list, line.unit_multiplier),
        price_cents=line.price_cents,
        selling_price_cents=line.selling_price_cents,
        total_cents=line.total_cents,
        tax_cents=line.tax_cents,
        is_gift=item.is_gift if item and is_own else False,
        measurement_unit=item.measurement_unit if item else None,
        unit_multiplier=line.unit_multiplier,
        unit_list_price_cents=unit_list,
        unit_price_cents=line.unit_price_cents,
        services=services,
        components=tuple(map(_component, item.components)) if item else (),
    )


def _address(address: ShippingAddress) -> Address:
    """Read an address."""
    return Address(
        kind=address.address_type,
        receiver=address.receiver_name,
        **address.model_dump(exclude={"address_id", "address_type", "receiver_name"}),
    )


def _deliveries(shipping: ShippingData, lines: Sequence[LineAmounts]) -> tuple[Delivery, ...]:
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
        price_cents=info.paid_cents,
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
    """Return where a line goes; None where it names an address that the document does not have.

    `addressId` names one of `selectedAddresses`; `shippingData.address` is only the first of them.
    """
    known = [*shipping.selected_addresses, *([shipping.address] if shipping.address else [])]
    named = next((a for a in known if info.address_id and a.address_id == info.address_id), None)
    if named is not None:
        return _address(named)
    store = info.pickup_store_info.address if info.pickup_store_info else None
    if info.delivery_channel == _PICKUP and store is not None:
        return _address(store)
    is_only = len({a.address_id for a in known}) == 1
    return _address(known[-1]) if known and (is_only or not info.address_id) else None


def _component(component: KitComponent) -> Component:
    sku = component.id or component.seller_sku or ""
    return Component(
        unique_id=component.unique_id or "",
        sku=sku,
        seller_sku=component.seller_sku or sku,
        ref_id=component.ref_id,
        name=component.name or "",
        quantity=1 if component.quantity is None else component.quantity,
    )


def _custom_data(data: Any) -> str | None:
    """Return VTEX's custom data as JSON text; None where there is none."""
    return json.dumps(clean_json(data), ensure_ascii=False) if data else None


def _totals(totals: list[Total]) -> Totals:
    sums: Counter[str] = Counter()
    for total in totals:
        sums[total.id.strip().casefold()] += total.value
    return Totals(
        items_cents=sums["items"],
        discounts_cents=sums["discounts"],
        shipping_cents=sums["shipping"],
        tax_cents=sums["tax"],
        change_cents=sums["change"],
        other_cents=sum(cents for key, cents in sums.items() if key not in _TOTALS),
    )


def _customer(profile: ClientProfile) -> Customer:
    return Customer(**profile.model_dump())


def _payments(data: PaymentData) -> tuple[Payment, ...]:
    return tuple(
        payment(entry, transaction.transaction_id)
        for transaction in data.transactions
        if transaction.is_active is not False
        for entry in transaction.payments
    )


def payment(entry: PaymentEntry, transaction_id: str | None) -> Payment:
    """Read one means of payment.

    https://developers.vtex.com/docs/guides/marketplace-payment-data-on-seller-orders
    """
    answers = entry.connector_responses or ConnectorResponses()
    name = (entry.payment_system_name or "").casefold()
    return Payment(
        id=entry.id,
        system=entry.payment_system,
        name=entry.payment_system_name,
        group=entry.group,
        value_cents=entry.value,
        installments=entry.installments,
        transaction_id=transaction_id,
        authorization=answers.authid,
        acquirer_document=answers.acquirercnpj,
        is_by_marketplace=transaction_id == _BY_MARKETPLACE or name == _ASSUMED,
    )
