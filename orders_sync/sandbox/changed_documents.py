"""An order's document after a change."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from orders_sync.sandbox.changes import Change, ChangedItem
from orders_sync.sandbox.documents import Document
from orders_sync.sandbox.goods import Line, Sku, item_json
from orders_sync.sandbox.repricing import Repriced, logistics_of
from orders_sync.sandbox.wire import to_json


def change_document(
    document: Document, change: Change, repriced: Repriced, *, lingers: bool, is_left: bool
) -> Document:
    """Write a change into the document; where it `lingers`, removed lines still show.

    Known issue 784171 is about those. Where `items` is left as it was sold, a total of its own says
    what the changes made of it.
    """
    data = json.loads(b"{%b}" % document.fields)
    if is_left:
        return _beside_its_items(document, change, repriced, data)
    lingering = document.lingering + (repriced.removed if lingers else ())
    lines = (*repriced.lines, *lingering)
    group = document.ids.order_group
    data["value"] = repriced.value_cents
    data["totals"] = repriced.totals
    is_chain = document.ids.origin == "Chain"
    data["items"] = [
        item_json(line, index, group, is_chain=is_chain) for index, line in enumerate(lines)
    ]
    data["shippingData"]["logisticsInfo"] = _logistics(data, document, lines)
    data["changesAttachment"] = _attachment(data, change, document, repriced)
    return replace(
        document,
        value_cents=repriced.value_cents,
        lines=repriced.lines,
        lingering=lingering,
        manual_cents=repriced.manual_cents,
        fields=to_json(data)[1:-1],
    )


def _beside_its_items(
    document: Document, change: Change, repriced: Repriced, data: dict[str, Any]
) -> Document:
    sold = [total for total in data["totals"] if total["id"] != "Change"]
    changed = repriced.value_cents - repriced.beside_cents - sum(t["value"] for t in sold)
    data["value"] = repriced.value_cents
    data["totals"] = [*sold, {"id": "Change", "name": "Change", "value": changed}]
    data["changesAttachment"] = _attachment(data, change, document, repriced)
    return replace(
        document,
        value_cents=repriced.value_cents,
        lines=repriced.lines,
        sold=document.sold or document.lines,
        manual_cents=repriced.manual_cents,
        fields=to_json(data)[1:-1],
    )


def _logistics(
    data: dict[str, Any], document: Document, lines: tuple[Line, ...]
) -> list[dict[str, Any]]:
    known = logistics_of(data, document)
    model = next(iter(known.values()))
    free = {**model, "price": 0, "listPrice": 0, "sellingPrice": 0}
    return [
        {**known.get(line.unique_id, free), "itemIndex": index} for index, line in enumerate(lines)
    ]


def _attachment(
    data: dict[str, Any], change: Change, document: Document, repriced: Repriced
) -> dict[str, Any]:
    wanted, attachment = change.wanted, data["changesAttachment"]
    before = attachment["changesData"] if attachment else []
    lines = (*repriced.lines, *document.lines)
    entry = {
        "reason": wanted.reason,
        "discountValue": wanted.discount_cents,
        "incrementValue": wanted.increment_cents,
        "itemsAdded": _items(wanted.incoming, lines),
        "itemsRemoved": _items(wanted.outgoing, lines),
        "receipt": change.receipt,
    }
    return {"id": "changeAttachment", "changesData": [*before, entry]}


def _items(items: Iterable[ChangedItem], lines: tuple[Line, ...]) -> list[dict[str, Any]]:
    skus = {line.sku.id: line.sku for line in lines}
    found = []
    for item in items:
        sku = skus.get(item.sku)
        listed = sku.unit_cents if sku else 0
        found.append(
            {
                "id": item.sku,
                "name": sku.name if sku else item.sku,
                "quantity": item.quantity,
                "price": listed if item.price_cents is None else item.price_cents,
                "unitMultiplier": item.unit_multiplier or _multiplier(sku),
            }
        )
    return found


def _multiplier(sku: Sku | None) -> float | None:
    """Return how much a piece of goods by weight has; VTEX says nothing of others."""
    return sku.unit_multiplier if sku is not None and sku.unit != "un" else None
