"""What all changes of an order come to: Get change summary.

https://developers.vtex.com/docs/api-reference/orders-api#get-/api/orders/pvt/document/-orderId-/change-summary
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from orders_sync.sandbox.changes import Change, ChangedItem
from orders_sync.sandbox.documents import Document
from orders_sync.sandbox.goods import item_json
from orders_sync.sandbox.orders import Order


def summary_json(order: Order) -> dict[str, Any]:
    """Add up the changes that were made."""
    made = [change for change in order.changes if change.status == "done"]
    original = order.original or order.document
    totals: Counter[str] = Counter()
    for change in made:
        for total in change.totals:
            totals[total["id"]] += total["value"]
    return {
        "original": _items(original),
        "added": [item.to_dict() for change in made for item in change.wanted.add],
        "removed": [item.to_dict() for change in made for item in change.wanted.remove],
        "replaced": [one for change in made for one in _replaced(change)],
        "manualDiscountValueAggregated": sum(change.wanted.discount_cents for change in made),
        "manualIncrementValueAggregated": sum(change.wanted.increment_cents for change in made),
        "totalChangesValueAggregated": sum(change.value_cents for change in made),
        "totals": [
            {"id": key, "name": f"{key} Total", "value": value, "alternativeTotals": None}
            for key, value in totals.items()
        ],
        "lastChange": made[-1].asked_at if made else None,
    }


def _items(document: Document) -> list[dict[str, Any]]:
    group = document.ids.order_group
    return [
        {"totalQuantity": line.quantity, "itemIndex": index, **item_json(line, index, group)}
        for index, line in enumerate(document.lines)
    ]


def _replaced(change: Change) -> list[dict[str, Any]]:
    return [
        {
            "replaceType": "ItemReplacement",
            "userInputType": "ItemReplacement",
            "from": _side(one.outgoing),
            "to": _side(one.incoming),
            "type": "UserInput",
        }
        for one in change.wanted.replace
    ]


def _side(items: tuple[ChangedItem, ...]) -> dict[str, Any]:
    return {"items": [item.to_dict() for item in items], "shippingData": None}
