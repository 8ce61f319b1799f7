"""The calls that change an order, in the words of either API version, and what they come to.

VTEX switched the first version off on 2026-03-01.
https://developers.vtex.com/docs/api-reference/orders-api#patch-/api/order-system/orders/-changeOrderId-/changes
https://developers.vtex.com/docs/api-reference/orders-api#get-/api/orders/pvt/document/-orderId-/change-summary
https://developers.vtex.com/docs/api-reference/orders-api#post-/api/oms/pvt/orders/-orderId-/changes
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any, Final

from orders_sync.sandbox import bodies, envelopes
from orders_sync.sandbox.changes import (
    ChangeTerms,
    ItemDelta,
    OrderChange,
    Replacement,
    change_json,
    detail_json,
)
from orders_sync.sandbox.changing import Changing, refused, require_changeable
from orders_sync.sandbox.dials import Dials
from orders_sync.sandbox.documents import Document
from orders_sync.sandbox.goods import item_json
from orders_sync.sandbox.oms import Oms
from orders_sync.sandbox.orders import OmsOrder
from orders_sync.sandbox.wire import Asked, CallRefused, Done, Operation, Response, json_response


def parse_change(data: dict[str, Any]) -> ChangeTerms:
    """Read the body of an order modification (v2)."""
    return ChangeTerms(
        reason=bodies.text(data, "reason"),
        add=_side(data.get("add")),
        remove=_side(data.get("remove")),
        replace=tuple(
            Replacement(_side(pair.get("from")), _side(pair.get("to")))
            for pair in bodies.objects(data, "replace", required=False)
        ),
        discount_cents=bodies.whole(data, "manualDiscountValue", default=0),
        increment_cents=bodies.whole(data, "manualIncrementValue", default=0),
    )


def parse_old_change(data: dict[str, Any]) -> tuple[str, ChangeTerms]:
    """Read the body of the first version: the caller's request id, and what it asks for."""
    terms = ChangeTerms(
        reason=bodies.text(data, "reason"),
        add=_items(data, "itemsAdded", required=False),
        remove=_items(data, "itemsRemoved", required=False),
        discount_cents=bodies.whole(data, "discountValue"),
        increment_cents=bodies.whole(data, "incrementValue"),
    )
    return bodies.text(data, "requestId"), terms


def _side(data: Any) -> tuple[ItemDelta, ...]:
    if data is None:
        return ()
    if not isinstance(data, dict):
        raise bodies.bad_body("The fields add, remove, from and to must be objects")
    return _items(data, "items", required=True)


def _items(data: dict[str, Any], name: str, *, required: bool) -> tuple[ItemDelta, ...]:
    return tuple(_item(item) for item in bodies.objects(data, name, required=required))


def _item(data: dict[str, Any]) -> ItemDelta:
    price = data.get("price")
    multiplier = data.get("unitMultiplier")
    return ItemDelta(
        sku=bodies.text(data, "id"),
        quantity=bodies.whole(data, "quantity", least=1),
        unique_id=bodies.optional_text(data, "uniqueId") or None,
        price_cents=None if price is None else bodies.whole(data, "price"),
        unit=bodies.optional_text(data, "measurementUnit"),
        unit_multiplier=float(multiplier) if isinstance(multiplier, int | float) else None,
    )


def summary_json(order: OmsOrder) -> dict[str, Any]:
    """Add up the changes that were made."""
    made = [change for change in order.changes if change.status == "done"]
    original = order.original or order.document
    totals: Counter[str] = Counter()
    for change in made:
        for total in change.totals:
            totals[total["id"]] += total["value"]
    return {
        "original": _item_sums(original),
        "added": [item.to_dict() for change in made for item in change.terms.add],
        "removed": [item.to_dict() for change in made for item in change.terms.remove],
        "replaced": [pair for change in made for pair in _replaced(change)],
        "manualDiscountValueAggregated": sum(change.terms.discount_cents for change in made),
        "manualIncrementValueAggregated": sum(change.terms.increment_cents for change in made),
        "totalChangesValueAggregated": sum(change.value_cents for change in made),
        "totals": [
            {"id": key, "name": f"{key} Total", "value": value, "alternativeTotals": None}
            for key, value in totals.items()
        ],
        "lastChange": made[-1].asked_at if made else None,
    }


def _item_sums(document: Document) -> list[dict[str, Any]]:
    group = document.ids.order_group
    return [
        {"totalQuantity": line.quantity, "itemIndex": index, **item_json(line, index, group)}
        for index, line in enumerate(document.lines)
    ]


def _replaced(change: OrderChange) -> list[dict[str, Any]]:
    return [
        {
            "replaceType": "ItemReplacement",
            "userInputType": "ItemReplacement",
            "from": _replaced_side(replacement.outgoing),
            "to": _replaced_side(replacement.incoming),
            "type": "UserInput",
        }
        for replacement in change.terms.replace
    ]


def _replaced_side(items: tuple[ItemDelta, ...]) -> dict[str, Any]:
    return {"items": [item.to_dict() for item in items], "shippingData": None}


class ChangeOperations:
    """Create, preview, follow, retry and cancel changes, and their settings."""

    def __init__(self, oms: Oms, changing: Changing, account: str) -> None:
        self._oms = oms
        self._changing = changing
        self._account = account
        self._settings: dict[str, Any] = {
            "paymentConfiguration": {"customPaymentSystemsAllowed": []},
            "rolloutConfiguration": {"usingDefaultBehavior": False, "enableApi": True},
            "pipelineConfiguration": {"compensateShippingChanges": True},
        }

    def table(self) -> dict[str, Operation]:
        """Name the operations as the routes do."""
        return {
            "create_change": self.create,
            "preview_change": self.preview,
            "change_history": self.history,
            "change_detail": self.detail,
            "retry_change": self.retry,
            "cancel_change": self.cancel,
            "change_settings_get": self.get_settings,
            "change_settings_set": self.set_settings,
        }

    def create(self, asked: Asked) -> Done:
        """Accept a change; the answer does not say that it will be made."""
        self._require_account(asked, "accountName")
        order = self._oms.require(asked.names["order_id"])
        terms = parse_change(bodies.read_object(asked.request))
        if not self._settings["rolloutConfiguration"].get("enableApi"):
            raise refused("CHK0124", "Order modifications are not enabled for this account.")
        change = self._changing.accept(order, terms, asked.now)
        answer = change_json(change, self._account, order.order_id)
        # VTEX has not computed anything by the time it answers.
        answer.update(totalChangeValue=0, totals=[])
        return Done(json_response(202, answer), effect=True, about=terms.reason)

    def preview(self, asked: Asked) -> Done:
        """Compute what a change would cost."""
        self._require_account(asked, "an")
        order = self._oms.require(asked.names["order_id"])
        terms = parse_change(bodies.read_object(asked.request))
        change = self._changing.try_out(order, terms, asked.now)
        preview = change_json(change, self._account, order.order_id)
        del preview["requestId"], preview["workflowId"]
        return Done(json_response(200, preview))

    def history(self, asked: Asked) -> Done:
        """List the changes that were made; one that failed or still runs is not among them."""
        self._require_account(asked, "an")
        order = self._oms.require(asked.names["order_id"])
        made = [
            change_json(change, self._account, order.order_id)
            for change in order.changes
            if change.status == "done" and change.version == 2
        ]
        return Done(json_response(200, {"requests": made, "actions": []}))

    def detail(self, asked: Asked) -> Done:
        """Return the status of one change."""
        order, change = self._find(asked)
        return Done(json_response(200, detail_json(change, self._account, order.order_id)))

    def retry(self, asked: Asked) -> Done:
        """Carry on with a change that is stuck."""
        order, change = self._find(asked)
        self._changing.retry(order, change, asked.now)
        return Done(Response(204), effect=True)

    def cancel(self, asked: Asked) -> Done:
        """Abandon a change that is stuck."""
        _, change = self._find(asked)
        reason = bodies.text(bodies.read_object(asked.request), "reason")
        self._changing.give_up(change, reason, asked.now)
        return Done(Response(200), effect=True)

    def get_settings(self, asked: Asked) -> Done:
        """Show the account's settings."""
        self._require_account(asked, "an")
        return Done(json_response(200, self._settings))

    def set_settings(self, asked: Asked) -> Done:
        """Change the account's settings; what is not named stays."""
        self._require_account(asked, "an")
        for name, value in bodies.read_object(asked.request).items():
            if not isinstance(value, dict):
                raise bodies.bad_body(f"The field {name} must be an object")
            self._settings[name] = {**self._settings.get(name, {}), **value}
        return Done(json_response(200, self._settings), effect=True)

    def _find(self, asked: Asked) -> tuple[OmsOrder, OrderChange]:
        self._require_account(asked, "an")
        order = self._oms.require(asked.names["order_id"])
        request_id = asked.names["request_id"]
        for change in order.changes:
            if change.request_id == request_id and change.version == 2:
                return order, change
        raise refused("CHK0289", f"Change order request {request_id} not found.", 404)

    def _require_account(self, asked: Asked, parameter: str) -> None:
        """Refuse a call whose query does not name the account, by the name that its route wants."""
        if asked.request.parameters().get(parameter) != self._account:
            raise bodies.bad_body(f"The parameter {parameter} must name the account")


_MOST_CHANGES: Final = 50


class OldChangeOperations:
    """Register change, and the summary of the changes of either version."""

    def __init__(self, oms: Oms, changing: Changing, dials: Dials) -> None:
        self._oms = oms
        self._changing = changing
        self._dials = dials

    def table(self) -> dict[str, Operation]:
        """Name the operations as the routes do."""
        return {"register_change": self.register, "change_summary": self.summary}

    def register(self, asked: Asked) -> Done:
        """Change the order at once; of a request id only the first use counts."""
        if not self._dials.changes_v1:
            raise CallRefused(envelopes.problem(410, "Gone"))
        order = self._oms.require(asked.names["order_id"])
        request_id, terms = parse_old_change(bodies.read_object(asked.request))
        for change in order.changes:
            if change.request_id == request_id:
                return Done(json_response(200, change.receipt))
        require_changeable(order, terms)
        if len(order.changes) >= _MOST_CHANGES:
            raise refused("CHK0124", f"Max allowed modifications exceeded: {_MOST_CHANGES}")
        terms = _first_lines(order, terms)
        change = self._changing.apply(order, terms, asked.now, request_id)
        return Done(json_response(200, change.receipt), effect=True)

    def summary(self, asked: Asked) -> Done:
        """Add up the changes of an order."""
        order = self._oms.require(asked.names["order_id"])
        return Done(json_response(200, summary_json(order)))


def _first_lines(order: OmsOrder, terms: ChangeTerms) -> ChangeTerms:
    """Point at the first line of each SKU, because this version knows no unique ids."""
    first: dict[str, str] = {}
    for line in order.document.lines:
        first.setdefault(line.sku.id, line.unique_id)

    def point(item: ItemDelta) -> ItemDelta:
        return replace(item, unique_id=first.get(item.sku))

    return replace(terms, remove=tuple(map(point, terms.remove)))
