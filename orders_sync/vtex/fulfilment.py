"""Reads from an order's document what was invoiced, tracked, changed and asked to be cancelled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import AliasChoices, BeforeValidator, Field

from orders_sync.domain.amounts import amounts_now
from orders_sync.domain.fulfilment import (
    CancellationRequest,
    Fulfilment,
    FulfilmentLine,
    Package,
    PackageEvent,
    PackageItem,
)
from orders_sync.domain.line_prices import SoldItem
from orders_sync.domain.order_changes import LineAmounts
from orders_sync.vtex.amounts import sale
from orders_sync.vtex.documents import parse_document, require, summarise, zone_named
from orders_sync.vtex.order_document import AmountsDocument, Item
from orders_sync.vtex.schemas import (
    Cents,
    CentsOrZero,
    Flag,
    Moment,
    Number,
    Rows,
    StorePreferences,
    Text,
    TextOrEmpty,
    WireModel,
)

#: The types of an invoice, by their words in small letters: VTEX keeps them in any capitals.
_TYPES: Final = {"output": "Output", "input": "Input"}


def fulfilment(document: bytes) -> Fulfilment:
    """Read how far VTEX has an order, with its lines as the shopper has them at this time.

    What VTEX leaves out is empty; a sum, a quantity or a line that cannot be read is an error,
    because decisions are made of them.

    Raises:
        Unreadable: the message names the place in the document, such as
            `$.packageAttachment.packages[0].invoiceValue`, and what was expected there.
    """
    data = parse_document(document)
    read = require(_Document, data, "The order's document")
    where = summarise(data)
    cancellation = read.cancellation_data or _Cancellation()
    requests = tuple(_request(request) for request in read.cancellation_requests)
    packages = read.package_attachment.packages if read.package_attachment else []
    preferences = read.store_preferences_data
    facts = sale(read)
    lines = tuple(_line(line, read.items) for line in amounts_now(facts).lines)
    return Fulfilment(
        status=where.status,
        is_completed=where.is_completed,
        value_cents=read.value,
        lines=lines,
        packages=tuple(_package(package, facts.items, lines) for package in packages),
        changes=facts.changes,
        cancellation_requests=requests,
        cancellation_request_id=_open_request(requests, cancellation.cancellation_request_id),
        cancellation_requested_by_seller=cancellation.requested_by_seller_notification,
        allows_cancellation=read.allow_cancellation is not False,
        cancel_reason=read.cancel_reason or cancellation.reason,
        zone=zone_named(preferences.time_zone if preferences else None),
    )


def _camel_keys(value: Any) -> Any:
    """Lower each key's first letter: the OMS writes `RequestedByUser`, VTEX's documents do not."""
    if not isinstance(value, Mapping):
        return value
    return {key[:1].lower() + key[1:]: part for key, part in value.items()}


class _Cancellation(WireModel):
    cancellation_request_id: Text = None
    requested_by_seller_notification: bool | None = None
    reason: Text = None


class _Request(WireModel):
    id: str = Field(min_length=1)
    reason: Text = None
    cancellation_request_date: Moment = None
    denied_by_seller: Flag = False


class _PackageItem(WireModel):
    item_index: Number | None = None
    id: Text = None
    quantity: Number
    price: CentsOrZero = 0
    description: Text = None


class _CourierEvent(WireModel):
    city: Text = None
    state: Text = None
    description: Text = None
    create_date: Moment = None
    last_change: Moment = None


class _CourierStatus(WireModel):
    finished: Flag = False
    delivered_date: Moment = None
    data: Rows[_CourierEvent] = Field(default_factory=list)


class _Package(WireModel):
    invoice_number: TextOrEmpty = ""
    type: TextOrEmpty = ""
    invoice_value: Cents | None = None
    items: Rows[_PackageItem] = Field(default_factory=list)
    courier: Text = None
    tracking_number: Text = None
    tracking_url: Text = None
    invoice_key: Text = None
    invoice_url: Text = None
    cfop: Text = None
    issuance_date: Moment = None
    courier_status: _CourierStatus | None = None


class _PackageAttachment(WireModel):
    packages: Rows[_Package] = Field(default_factory=list)


_CamelKeys = BeforeValidator(_camel_keys)


class _Document(AmountsDocument):
    package_attachment: _PackageAttachment | None = None
    cancellation_data: Annotated[_Cancellation | None, _CamelKeys] = None
    cancellation_requests: Rows[Annotated[_Request, _CamelKeys]] = Field(default_factory=list)
    store_preferences_data: StorePreferences | None = None
    allow_cancellation: bool | None = None
    cancel_reason: Text = Field(
        default=None, validation_alias=AliasChoices("cancelReason", "cancellationReason")
    )


def _line(line: LineAmounts, items: Sequence[Item]) -> FulfilmentLine:
    return FulfilmentLine(
        index=line.index,
        line_id=line.line_id,
        sku=line.sku,
        seller_sku=line.seller_sku,
        quantity=line.quantity,
        selling_price_cents=line.selling_price_cents,
        total_cents=line.total_cents,
        tax_cents=line.tax_cents,
        piece_tax_cents=line.piece_tax_cents,
        measurement_unit=None if line.origin is None else items[line.origin].measurement_unit,
    )


def _package(
    package: _Package, sold: Sequence[SoldItem], lines: Sequence[FulfilmentLine]
) -> Package:
    courier = package.courier_status or _CourierStatus()
    value = package.invoice_value
    if value is None:
        value = sum(item.price * item.quantity for item in package.items)
    return Package(
        invoice_number=package.invoice_number,
        type=_TYPES.get(package.type.strip().casefold(), package.type),
        value_cents=value,
        items=tuple(_package_item(item, sold, lines) for item in package.items),
        courier=package.courier,
        tracking_number=package.tracking_number,
        tracking_url=package.tracking_url,
        access_key=package.invoice_key,
        url=package.invoice_url,
        cfop=package.cfop,
        issued_at=package.issuance_date,
        events=tuple(map(_event, courier.data)),
        is_finished=courier.finished,
        delivered_at=courier.delivered_date,
    )


def _package_item(
    item: _PackageItem, sold: Sequence[SoldItem], lines: Sequence[FulfilmentLine]
) -> PackageItem:
    return PackageItem(
        index=_line_index(item, sold, lines),
        quantity=item.quantity,
        price_cents=item.price,
        sku=item.id,
        description=item.description,
    )


def _line_index(
    item: _PackageItem, sold: Sequence[SoldItem], lines: Sequence[FulfilmentLine]
) -> int | None:
    """Return the line of a package's item; the SKU decides where VTEX's place is not the SKU's.

    VTEX leaves out the place 0, and has none in `items[]` for a SKU that a change added.
    """
    places = {row.index: {row.sku, row.seller_sku} for row in lines}
    places = {row.index: {row.sku, row.seller_sku} for row in sold} | places
    place = item.item_index
    if item.id is None:
        return 0 if place is None else place
    if place is not None and item.id in places.get(place, ()):
        return place
    return next((index for index, skus in places.items() if item.id in skus), place)


def _event(event: _CourierEvent) -> PackageEvent:
    return PackageEvent(
        city=event.city,
        state=event.state,
        description=event.description,
        created_at=event.create_date,
        changed_at=event.last_change,
    )


def _request(request: _Request) -> CancellationRequest:
    return CancellationRequest(
        request_id=request.id,
        reason=request.reason,
        requested_at=request.cancellation_request_date,
        is_denied=request.denied_by_seller,
    )


def _open_request(requests: tuple[CancellationRequest, ...], named: str | None) -> str | None:
    """Return the newest request that was not denied; VTEX appends."""
    undenied = [request.request_id for request in requests if not request.is_denied]
    if undenied:
        return undenied[-1]
    return None if any(request.request_id == named for request in requests) else named


class _LastChange(WireModel):
    last_change: Moment = None


def last_change(document: bytes) -> datetime | None:
    """Read when the order changed last; None where the document does not say.

    Raises:
        Unreadable: it is no document of an order.
    """
    return require(_LastChange, parse_document(document), "The order's document").last_change
