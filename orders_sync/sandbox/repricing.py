"""An order's document after a change: what it costs then, and what its lines are. Pure.

https://developers.vtex.com/docs/guides/order-modifications
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Final

from orders_sync.sandbox.changes import ChangeTerms, ItemDelta, OrderChange
from orders_sync.sandbox.documents import Document, totals_json
from orders_sync.sandbox.goods import CATALOGUE, CartLine, Sku, item_json
from orders_sync.sandbox.wire import to_json

#: Payment groups that can pay more than the shopper agreed to.
_CAN_RAISE: Final = frozenset({"creditCard", "promissory", "cash", "customerCredit"})


class ChangeFailed(Exception):
    """VTEX does not make this change; with the code and the words it says so in."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Repriced:
    """An order after a change; `removed` are the lines of which nothing is left.

    `manual_cents` is what the shop took off or put on by hand, all changes together. `beside_cents`
    is what the value has beside its totals, as a marketplace's order may.
    """

    lines: tuple[CartLine, ...]
    removed: tuple[CartLine, ...]
    totals: list[dict[str, Any]]
    value_cents: int
    deltas: list[dict[str, Any]]
    manual_cents: int
    beside_cents: int


def reprice(document: Document, terms: ChangeTerms, random: Random) -> Repriced:
    """Compute the order after a change; `random` names new lines.

    Raises:
        ChangeFailed: the change does not fit the order.
    """
    lines, removed = _take_out(document.lines, terms.outgoing)
    known = {line.sku.id: line.sku for line in document.lines}
    taken = {line.unique_id for line in lines}
    lines += [_new_line(item, known, taken, random) for item in terms.incoming]
    if not lines:
        raise ChangeFailed("CHK0124", "Invalid change for order.")
    data = json.loads(b"{%b}" % document.fields)
    before = _totals(data, document, document.lines, document.manual_cents)
    beside = document.value_cents - sum(total["value"] for total in before)
    manual = document.manual_cents + terms.increment_cents - terms.discount_cents
    totals = _totals(data, document, lines, manual)
    value = sum(total["value"] for total in totals) + beside
    if value < 0:
        raise ChangeFailed("CHK0034", "The value of the change exceed the order's price.")
    if value > document.value_cents and not _groups(data) <= _CAN_RAISE:
        message = "Change order cannot increase the value for this payment method."
        raise ChangeFailed("CHK00342", message)
    deltas = _deltas(before, totals, terms)
    return Repriced(tuple(lines), tuple(removed), totals, value, deltas, manual, beside)


def require_not_invoiced(repriced: Repriced, invoiced: Mapping[str, int], cents: int) -> None:
    """Refuse what takes away from what is on an invoice: SKUs by quantity, or the sum.

    Raises:
        ChangeFailed: it does.
    """
    left: Counter[str] = Counter()
    for line in repriced.lines:
        left[line.sku.id] += line.quantity
    if repriced.value_cents < cents or any(left[sku] < n for sku, n in invoiced.items()):
        message = "The order change is not allowed after the item invoice has been issued."
        raise ChangeFailed("SalesOrderSystem046", message)


def logistics_of(data: Mapping[str, Any], document: Document) -> dict[str, dict[str, Any]]:
    """Find each line's element of `logisticsInfo`, by the line's unique id."""
    lines = document.shown_lines
    infos = data["shippingData"]["logisticsInfo"]
    return {line.unique_id: info for line, info in zip(lines, infos, strict=True)}


def _take_out(
    lines: tuple[CartLine, ...], outgoing: tuple[ItemDelta, ...]
) -> tuple[list[CartLine], list[CartLine]]:
    left = list(lines)
    removed = []
    for item in outgoing:
        index = _find(left, item)
        line = left[index]
        rest = line.quantity - item.quantity
        if rest < 0:
            message = f"It's not possible to remove more than {line.quantity} of item {item.sku}."
            raise ChangeFailed("SalesOrderSystem011", message)
        if rest == 0:
            removed.append(left.pop(index))
        else:
            discount = line.discount_cents * rest // line.quantity
            left[index] = replace(line, quantity=rest, discount_cents=discount)
    return left, removed


def _find(lines: list[CartLine], item: ItemDelta) -> int:
    places = [
        index
        for index, line in enumerate(lines)
        if line.sku.id == item.sku and item.unique_id in {None, line.unique_id}
    ]
    if not places:
        message = f"It's not possible to remove the item of ID {item.sku} from the original order."
        raise ChangeFailed("SalesOrderSystem010", message)
    if len(places) > 1:
        # Known issue 1219914: a SKU on several lines is not told apart by its id.
        message = "Unable to match an item to the information provided. Try its uniqueId."
        raise ChangeFailed("SalesOrderSystem026", message)
    return places[0]


def _new_line(
    item: ItemDelta, known: Mapping[str, Sku], taken: set[str], random: Random
) -> CartLine:
    sku = known.get(item.sku) or next((sku for sku in CATALOGUE if sku.id == item.sku), None)
    if sku is None:
        raise ChangeFailed("CHK0022", "Invalid id for item.")
    if item.unit not in {None, sku.unit}:
        message = "Item modification is not allowed when the measurement unit differs."
        raise ChangeFailed("SalesOrderSystem055", message)
    if item.unit_multiplier:
        sku = replace(sku, unit_multiplier=item.unit_multiplier)
    if item.price_cents is not None:
        sku = replace(sku, unit_cents=item.price_cents)
    unique_id = item.unique_id
    if unique_id is None or unique_id in taken:
        unique_id = f"{random.getrandbits(128):032X}"
    taken.add(unique_id)
    return CartLine(sku, unique_id, item.quantity, 0)


def _totals(
    data: Mapping[str, Any], document: Document, lines: Sequence[CartLine], manual: int
) -> list[dict[str, Any]]:
    logistics = logistics_of(data, document)
    shipping = sum(
        logistics[line.unique_id]["sellingPrice"] for line in lines if line.unique_id in logistics
    )
    totals = totals_json(lines, shipping)
    known = {"Change", *(total["id"] for total in totals)}
    totals += [total for total in data["totals"] if total["id"] not in known]
    if manual:
        totals.append({"id": "Change", "name": "Total das Mudanças", "value": manual})
    return totals


def _deltas(
    old: list[dict[str, Any]], new: list[dict[str, Any]], terms: ChangeTerms
) -> list[dict[str, Any]]:
    before = {total["id"]: total["value"] for total in old}
    manual = terms.increment_cents - terms.discount_cents
    deltas = [{"id": "ManualValues", "name": "Manual Values Total", "value": manual}]
    for total in new:
        delta = total["value"] - before.get(total["id"], 0)
        if delta and total["id"] != "Change":
            deltas.append({"id": total["id"], "name": f"{total['id']} Total", "value": delta})
    return deltas


def _groups(data: Mapping[str, Any]) -> set[str]:
    payments = data["paymentData"]["transactions"][0]["payments"]
    return {payment["group"] for payment in payments}


def change_document(
    document: Document, change: OrderChange, repriced: Repriced, *, lingers: bool, is_left: bool
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
    document: Document, change: OrderChange, repriced: Repriced, data: dict[str, Any]
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
    data: dict[str, Any], document: Document, lines: tuple[CartLine, ...]
) -> list[dict[str, Any]]:
    known = logistics_of(data, document)
    model = next(iter(known.values()))
    free = {**model, "price": 0, "listPrice": 0, "sellingPrice": 0}
    return [
        {**known.get(line.unique_id, free), "itemIndex": index} for index, line in enumerate(lines)
    ]


def _attachment(
    data: dict[str, Any], change: OrderChange, document: Document, repriced: Repriced
) -> dict[str, Any]:
    terms, attachment = change.terms, data["changesAttachment"]
    before = attachment["changesData"] if attachment else []
    lines = (*repriced.lines, *document.lines)
    entry = {
        "reason": terms.reason,
        "discountValue": terms.discount_cents,
        "incrementValue": terms.increment_cents,
        "itemsAdded": _items(terms.incoming, lines),
        "itemsRemoved": _items(terms.outgoing, lines),
        "receipt": change.receipt,
    }
    return {"id": "changeAttachment", "changesData": [*before, entry]}


def _items(items: Iterable[ItemDelta], lines: tuple[CartLine, ...]) -> list[dict[str, Any]]:
    skus = {line.sku.id: line.sku for line in lines}
    written = []
    for item in items:
        sku = skus.get(item.sku)
        listed = sku.unit_cents if sku else 0
        written.append(
            {
                "id": item.sku,
                "name": sku.name if sku else item.sku,
                "quantity": item.quantity,
                "price": listed if item.price_cents is None else item.price_cents,
                "unitMultiplier": item.unit_multiplier or _multiplier(sku),
            }
        )
    return written


def _multiplier(sku: Sku | None) -> float | None:
    """Return how much a piece of goods by weight has; VTEX says nothing of others."""
    return sku.unit_multiplier if sku is not None and sku.unit != "un" else None
