"""Reads from an order's document what was invoiced, tracked, changed and asked to be cancelled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AliasChoices, BeforeValidator, Field

from orders_sync.domain.fulfilment import (
    AppliedChange,
    CancellationRequest,
    ChangedItem,
    Fulfilment,
    FulfilmentLine,
    Package,
    PackageEvent,
    PackageItem,
)
from orders_sync.vtex.documents import parse_document, require, summarise
from orders_sync.vtex.schemas import (
    Cents,
    CentsOrZero,
    Flag,
    Item,
    Moment,
    Number,
    NumberOrZero,
    Rows,
    Text,
    TextOrEmpty,
    WireModel,
)


def fulfilment(document: bytes) -> Fulfilment:
    """Read how far VTEX has an order.

    What VTEX leaves out is empty; a sum, a quantity or a line that cannot be read is an error,
    because decisions are made of them.

    Raises:
        Unreadable: the message names the place in the document, such as
            `$.packageAttachment.packages[0].invoiceValue`, and what was expected there.
    """
    data = parse_document(document)
    found = require(_Document, data, "The order's document")
    where = summarise(data)
    cancellation = found.cancellation_data or _Cancellation()
    requests = tuple(_request(it) for it in found.cancellation_requests)
    packages = found.package_attachment.packages if found.package_attachment else []
    changes = found.changes_attachment.changes_data if found.changes_attachment else []
    return Fulfilment(
        status=where.status,
        is_completed=where.is_completed,
        value_cents=found.value,
        lines=tuple(_line(index, item) for index, item in enumerate(found.items)),
        packages=tuple(map(_package, packages)),
        changes=tuple(map(_change, changes)),
        cancellation_requests=requests,
        cancellation_request_id=_open_request(requests, cancellation.cancellation_request_id),
        cancellation_requested_by_seller=cancellation.requested_by_seller_notification,
        allows_cancellation=found.allow_cancellation is not False,
        cancel_reason=found.cancel_reason or cancellation.reason,
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
    invoice_value: Cents
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


class _ChangedItem(WireModel):
    id: TextOrEmpty = ""
    quantity: NumberOrZero = 0
    price: Cents | None = None


class _Receipt(WireModel):
    receipt: Text = None
    date: Moment = None


class _Change(WireModel):
    reason: Text = None
    discount_value: CentsOrZero = 0
    increment_value: CentsOrZero = 0
    items_added: Rows[_ChangedItem] = Field(default_factory=list)
    items_removed: Rows[_ChangedItem] = Field(default_factory=list)
    receipt: _Receipt | None = None


class _ChangesAttachment(WireModel):
    changes_data: Rows[_Change] = Field(default_factory=list)


_CamelKeys = BeforeValidator(_camel_keys)


class _Document(WireModel):
    value: Cents
    items: Rows[Item] = Field(default_factory=list)
    package_attachment: _PackageAttachment | None = None
    changes_attachment: _ChangesAttachment | None = None
    cancellation_data: Annotated[_Cancellation | None, _CamelKeys] = None
    cancellation_requests: Rows[Annotated[_Request, _CamelKeys]] = Field(default_factory=list)
    allow_cancellation: bool | None = None
    cancel_reason: Text = Field(
        default=None, validation_alias=AliasChoices("cancelReason", "cancellationReason")
    )


def _line(index: int, item: Item) -> FulfilmentLine:
    selling = item.price if item.selling_price is None else item.selling_price
    total = item.price_definition.total if item.price_definition else None
    return FulfilmentLine(
        index=index,
        line_id=item.unique_id,
        sku=item.id,
        seller_sku=item.seller_sku or item.id,
        quantity=item.quantity,
        selling_price_cents=selling,
        total_cents=selling * item.quantity if total is None else total,
    )


def _package(package: _Package) -> Package:
    courier = package.courier_status or _CourierStatus()
    return Package(
        invoice_number=package.invoice_number,
        type=package.type,
        value_cents=package.invoice_value,
        items=tuple(map(_package_item, package.items)),
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


def _package_item(item: _PackageItem) -> PackageItem:
    return PackageItem(
        index=item.item_index,
        quantity=item.quantity,
        price_cents=item.price,
        sku=item.id,
        description=item.description,
    )


def _event(event: _CourierEvent) -> PackageEvent:
    return PackageEvent(
        city=event.city,
        state=event.state,
        description=event.description,
        created_at=event.create_date,
        changed_at=event.last_change,
    )


def _change(change: _Change) -> AppliedChange:
    receipt = change.receipt or _Receipt()
    return AppliedChange(
        reason=change.reason,
        discount_cents=change.discount_value,
        increment_cents=change.increment_value,
        added=tuple(map(_changed_item, change.items_added)),
        removed=tuple(map(_changed_item, change.items_removed)),
        receipt=receipt.receipt,
        date=receipt.date,
    )


def _changed_item(item: _ChangedItem) -> ChangedItem:
    return ChangedItem(sku=item.id, quantity=item.quantity, price_cents=item.price)


def _request(request: _Request) -> CancellationRequest:
    return CancellationRequest(
        request_id=request.id,
        reason=request.reason,
        requested_at=request.cancellation_request_date,
        is_denied=request.denied_by_seller,
    )


def _open_request(requests: tuple[CancellationRequest, ...], named: str | None) -> str | None:
    """Find the newest request that was not denied; VTEX appends."""
    undenied = [it.request_id for it in requests if not it.is_denied]
    if undenied:
        return undenied[-1]
    return None if any(it.request_id == named for it in requests) else named
