"""The amounts of an order, read from VTEX's document for `domain/amounts.py`."""

from __future__ import annotations

from typing import Final

from orders_sync.domain.amounts import Sale
from orders_sync.domain.fulfilment import AppliedChange, ChangedItem
from orders_sync.domain.line_prices import PriceTag, Service, SoldItem
from orders_sync.vtex.order_document import (
    AmountsDocument,
    BundleItem,
    ChangedItemEntry,
    ChangeEntry,
    Item,
    PriceTagEntry,
    ReceiptEntry,
)

#: `origin` of orders that were sold elsewhere.
_ELSEWHERE: Final = frozenset({"fulfillment", "chain"})


def sale(document: AmountsDocument) -> Sale:
    """Return the amounts of an order as VTEX wrote them."""
    deliveries = document.shipping_data.logistics_info if document.shipping_data else []
    origin = (document.origin or "").strip().casefold()
    return Sale(
        value_cents=document.value,
        items=tuple(_item(index, item) for index, item in enumerate(document.items)),
        totals=tuple((total.id, total.value) for total in document.totals),
        changes=applied_changes(document),
        freight_cents=sum(info.paid_cents for info in deliveries),
        rounding_cents=document.rounding_error or 0,
        is_chain=origin == "chain",
        is_elsewhere=origin in _ELSEWHERE or bool(document.affiliate_id),
    )


def applied_changes(document: AmountsDocument) -> tuple[AppliedChange, ...]:
    """Return the changes that are in the order, the oldest first."""
    attachment = document.changes_attachment
    return tuple(map(_change, attachment.changes_data)) if attachment else ()


def _item(index: int, item: Item) -> SoldItem:
    return SoldItem(
        index=index,
        line_id=item.unique_id,
        sku=item.id,
        seller_sku=item.seller_sku or item.id,
        quantity=item.quantity,
        price_cents=item.price,
        unit_multiplier=item.unit_multiplier,
        selling_price_cents=item.selling_price,
        defined_total_cents=item.price_definition.total if item.price_definition else None,
        tax_cents=item.tax,
        is_gift=item.is_gift,
        tags=tuple(PriceTag(tag.name or "", _tag_cents(tag)) for tag in item.price_tags),
        services=tuple(map(_service, item.bundle_items)),
    )


def _tag_cents(tag: PriceTagEntry) -> int:
    """Return what a tag adds; a share of the price without a value is in the prices already."""
    if tag.value is not None:
        return tag.value
    return round((tag.raw_value or 0.0) * 100) if not tag.is_percentual else 0


def _service(service: BundleItem) -> Service:
    price = service.price if service.selling_price is None else service.selling_price
    return Service(
        id=service.id or "",
        name=service.name or "",
        kind=service.type,
        quantity=1 if service.quantity is None else service.quantity,
        price_cents=price or 0,
    )


def _change(change: ChangeEntry) -> AppliedChange:
    receipt = change.receipt or ReceiptEntry()
    return AppliedChange(
        reason=change.reason,
        discount_cents=change.discount_value,
        increment_cents=change.increment_value,
        added=tuple(map(_changed_item, change.items_added)),
        removed=tuple(map(_changed_item, change.items_removed)),
        receipt=receipt.receipt,
        date=receipt.date,
    )


def _changed_item(item: ChangedItemEntry) -> ChangedItem:
    multiplier = item.unit_multiplier
    return ChangedItem(
        sku=item.id,
        quantity=item.quantity,
        price_cents=item.price,
        unit_multiplier=multiplier if multiplier and 0 < multiplier < float("inf") else None,
        line_id=item.unique_id or None,
        name=item.name or "",
    )
