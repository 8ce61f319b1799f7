"""Changes of an order as VTEX's JSON, for its present API and for the one before. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from orders_sync.domain.fulfilment import Change, ChangeItem, Replacement
from orders_sync.vtex.wording import (
    not_sendable,
    require_positive,
    require_text,
    without_nones,
)

_ASKED_FOR: Final = ("add", "remove", "replace", "manual_discount_cents", "manual_increment_cents")


def change_body(change: Change) -> dict[str, Any]:
    """Word a change for the present API; values are cents.

    Raises:
        ParkedError: VTEX would refuse or misread it.
    """
    _check(change)
    return without_nones(
        reason=require_text(change.reason, "The change's reason"),
        add=_items(change.add) if change.add else None,
        remove=_items(change.remove) if change.remove else None,
        replace=[_replacement(it) for it in change.replace] or None,
        manualDiscountValue=change.manual_discount_cents or None,
        manualIncrementValue=change.manual_increment_cents or None,
    )


def legacy_change_body(change: Change, request_id: str) -> dict[str, Any]:
    """Word a change for the legacy API: every item has a price, and a replacement is two lists.

    Raises:
        ParkedError: VTEX would refuse or misread it.
    """
    _check(change)
    removed = [*change.remove, *(item for it in change.replace for item in it.from_items)]
    added = [*change.add, *(item for it in change.replace for item in it.to_items)]
    return {
        "requestId": require_text(request_id, "The change's request id"),
        "reason": require_text(change.reason, "The change's reason"),
        "discountValue": change.manual_discount_cents,
        "incrementValue": change.manual_increment_cents,
        "itemsRemoved": [_legacy_item(item) for item in removed],
        "itemsAdded": [_legacy_item(item) for item in added],
    }


def _check(change: Change) -> None:
    if not any(getattr(change, name) for name in _ASKED_FOR):
        raise not_sendable(
            "The change asks for nothing", f"Say in it one of: {', '.join(_ASKED_FOR)}."
        )
    for name in ("manual_discount_cents", "manual_increment_cents"):
        cents = getattr(change, name)
        if cents < 0:
            raise not_sendable(f"{name} is {cents}", f"Give {name} in cents, 0 or above.")


def _items(items: Iterable[ChangeItem]) -> dict[str, Any]:
    return {"items": [_item(item) for item in items]}


def _replacement(replacement: Replacement) -> dict[str, Any]:
    if not replacement.from_items or not replacement.to_items:
        raise not_sendable(
            "A replacement lacks one of its sides", "Use remove or add where nothing is replaced."
        )
    return {"from": _items(replacement.from_items), "to": _items(replacement.to_items)}


def _item(item: ChangeItem) -> dict[str, Any]:
    return without_nones(
        id=require_text(item.sku, "An item's SKU"),
        uniqueId=item.unique_id,
        quantity=require_positive(item.quantity, f"The quantity of SKU {item.sku}"),
        price=None if item.price_cents is None else _price(item, item.price_cents),
        measurementUnit=item.measurement_unit,
        unitMultiplier=item.unit_multiplier,
    )


def _legacy_item(item: ChangeItem) -> dict[str, Any]:
    if item.price_cents is None:
        raise not_sendable(
            f"SKU {item.sku} has no price, and VTEX's legacy changes want one",
            f"Give the unit price of SKU {item.sku} in cents.",
        )
    return {
        "id": require_text(item.sku, "An item's SKU"),
        "price": _price(item, item.price_cents),
        "quantity": require_positive(item.quantity, f"The quantity of SKU {item.sku}"),
    }


def _price(item: ChangeItem, cents: int) -> int:
    if cents < 0:
        raise not_sendable(
            f"The price of SKU {item.sku} is below 0", "Give the price of one unit in cents."
        )
    return cents
