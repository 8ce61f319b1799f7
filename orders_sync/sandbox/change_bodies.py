"""Reads what a change asks for, in the words of either API version.

https://developers.vtex.com/docs/api-reference/orders-api#patch-/api/order-system/orders/-changeOrderId-/changes
"""

from __future__ import annotations

from typing import Any

from orders_sync.sandbox import bodies
from orders_sync.sandbox.changes import ChangedItem, Replacement, WantedChange


def parse_change(data: dict[str, Any]) -> WantedChange:
    """Read the body of an order modification (v2)."""
    return WantedChange(
        reason=bodies.text(data, "reason"),
        add=_side(data.get("add")),
        remove=_side(data.get("remove")),
        replace=tuple(
            Replacement(_side(one.get("from")), _side(one.get("to")))
            for one in bodies.objects(data, "replace", required=False)
        ),
        discount_cents=bodies.whole(data, "manualDiscountValue", default=0),
        increment_cents=bodies.whole(data, "manualIncrementValue", default=0),
    )


def parse_old_change(data: dict[str, Any]) -> tuple[str, WantedChange]:
    """Read the body of the first version: the caller's request id, and what it asks for."""
    wanted = WantedChange(
        reason=bodies.text(data, "reason"),
        add=_items(data, "itemsAdded", required=False),
        remove=_items(data, "itemsRemoved", required=False),
        discount_cents=bodies.whole(data, "discountValue"),
        increment_cents=bodies.whole(data, "incrementValue"),
    )
    return bodies.text(data, "requestId"), wanted


def _side(data: Any) -> tuple[ChangedItem, ...]:
    if data is None:
        return ()
    if not isinstance(data, dict):
        raise bodies.bad_body("The fields add, remove, from and to must be objects")
    return _items(data, "items", required=True)


def _items(data: dict[str, Any], name: str, *, required: bool) -> tuple[ChangedItem, ...]:
    return tuple(_item(item) for item in bodies.objects(data, name, required=required))


def _item(data: dict[str, Any]) -> ChangedItem:
    price = data.get("price")
    multiplier = data.get("unitMultiplier")
    return ChangedItem(
        sku=bodies.text(data, "id"),
        quantity=bodies.whole(data, "quantity", least=1),
        unique_id=bodies.optional_text(data, "uniqueId") or None,
        price_cents=None if price is None else bodies.whole(data, "price"),
        unit=bodies.optional_text(data, "measurementUnit"),
        unit_multiplier=float(multiplier) if isinstance(multiplier, int | float) else None,
    )
