"""What a person in VTEX's Admin, or VTEX itself, changes of an order that is being handled.

Nobody is told of it: no status changes, so that no feed and no hook has an event.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from random import Random
from typing import Any, Final

from orders_sync.sandbox.changes import ChangeTerms, ItemDelta
from orders_sync.sandbox.changing import Changing
from orders_sync.sandbox.documents import Document
from orders_sync.sandbox.orders import OmsOrder
from orders_sync.sandbox.people import draw_street
from orders_sync.sandbox.wire import CallRefused, to_json
from orders_sync.sandbox.workflow import SELLER_DECIDES

#: The reason of a change that a person makes.
EDIT_REASON: Final = "Ajuste da loja"


class AdminEdit(StrEnum):
    """What of an order is changed."""

    ITEMS = "items"  # A piece is taken out, as by a change.
    ADDRESS = "address"
    CARRIER = "carrier"
    WINDOW = "window"
    AUTHORIZATION = "authorization"  # The acquirer's code comes late.


class Editing:
    """Changes orders without a word."""

    def __init__(self, changing: Changing, random: Random) -> None:
        self._changing = changing
        self._random = random

    def edit(self, order: OmsOrder, edit: AdminEdit, now: float) -> bool:
        """Change a part of an order; False: it is too late, or the order has no such part."""
        if order.status not in SELLER_DECIDES:
            return False
        if edit is AdminEdit.ITEMS:
            is_made = self._take_a_piece(order, now)
        else:
            is_made = self._rewrite(order, edit, now)
        if is_made:
            order.edits.append(edit.value)
        return is_made

    def _rewrite(self, order: OmsOrder, edit: AdminEdit, now: float) -> bool:
        document = _EDITS[edit](order.document, self._random, now)
        if document is None:
            return False
        order.stamp(now)
        order.document = document
        order.show_packages()
        return True

    def _take_a_piece(self, order: OmsOrder, now: float) -> bool:
        """Request a change, which is made a while later, as any other.

        Of a SKU on several lines VTEX's document does not tell from which the piece was taken.
        """
        skus = Counter(line.sku.id for line in order.document.lines)
        lines = [
            line for line in order.document.lines if line.quantity > 1 and skus[line.sku.id] == 1
        ]
        if not lines:
            return False
        line = lines[0]
        item = ItemDelta(line.sku.id, 1, unique_id=line.unique_id)
        try:
            self._changing.accept(order, ChangeTerms(EDIT_REASON, remove=(item,)), now)
        except CallRefused:
            return False
        return True


def _readdress(document: Document, random: Random, _: float) -> Document | None:
    person = document.person
    street = person.street
    while street == person.street:
        street = draw_street(random, person.country)

    def move(data: dict[str, Any]) -> bool:
        shipping = data["shippingData"]
        places = [shipping["address"], *shipping["selectedAddresses"]]
        homes = [place for place in places if place["street"] == person.street]
        for home in homes:
            home["street"] = street
        return bool(homes)

    edited = _edited(document, move)
    if edited is None:
        return None
    moved = replace(person, street=street, former_streets=(*person.former_streets, person.street))
    return replace(edited, person=moved)


def _change_carrier(document: Document, random: Random, _: float) -> Document | None:
    name = f"Transportadora {random.randrange(1000)}"

    def change(data: dict[str, Any]) -> bool:
        infos = _deliveries(data)
        for info in infos:
            info["deliveryCompany"] = name
        return bool(infos)

    return _edited(document, change)


def _change_window(document: Document, random: Random, now: float) -> Document | None:
    day = datetime.fromtimestamp(now, UTC) + timedelta(days=random.randint(1, 9))
    start = day.replace(hour=13, minute=0, second=0, microsecond=0)
    window = {
        "startDateUtc": start.isoformat(),
        "endDateUtc": (start + timedelta(hours=2)).isoformat(),
        "price": 0,
    }

    def change(data: dict[str, Any]) -> bool:
        infos = _deliveries(data)
        for info in infos:
            info["deliveryWindow"] = window
        return bool(infos)

    return _edited(document, change)


def _authorize(document: Document, random: Random, _: float) -> Document | None:
    def change(data: dict[str, Any]) -> bool:
        payments = [
            payment
            for transaction in data["paymentData"]["transactions"]
            for payment in transaction["payments"]
        ]
        for payment in payments:
            answers = payment.get("connectorResponses") or {}
            code = f"{random.randrange(10**6):06}"
            payment["connectorResponses"] = {**answers, "authId": code}
        return bool(payments)

    return _edited(document, change)


def _deliveries(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    infos = data["shippingData"]["logisticsInfo"]
    return [info for info in infos if info["deliveryChannel"] == "delivery"]


def _edited(document: Document, change: Callable[[dict[str, Any]], bool]) -> Document | None:
    data = json.loads(b"{%b}" % document.fields)
    return replace(document, fields=to_json(data)[1:-1]) if change(data) else None


_EDITS: Final[Mapping[AdminEdit, Callable[[Document, Random, float], Document | None]]] = {
    AdminEdit.ADDRESS: _readdress,
    AdminEdit.CARRIER: _change_carrier,
    AdminEdit.WINDOW: _change_window,
    AdminEdit.AUTHORIZATION: _authorize,
}
