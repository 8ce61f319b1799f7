"""The first version of changing an order, which VTEX switched off on 2026-03-01.

https://developers.vtex.com/docs/api-reference/orders-api#post-/api/oms/pvt/orders/-orderId-/changes
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from orders_sync.sandbox import bodies, envelopes
from orders_sync.sandbox.change_bodies import parse_old_change
from orders_sync.sandbox.change_summary import summary_json
from orders_sync.sandbox.changes import ChangedItem, WantedChange
from orders_sync.sandbox.changing import Changing, refused, require_changeable
from orders_sync.sandbox.dials import Dials
from orders_sync.sandbox.oms import Oms
from orders_sync.sandbox.operations import Asked, Done, Operation, Refusal
from orders_sync.sandbox.orders import Order
from orders_sync.sandbox.wire import json_response

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
            raise Refusal(envelopes.problem(410, "Gone"))
        order = self._oms.require(asked.names["order_id"])
        request_id, wanted = parse_old_change(bodies.read_object(asked.request))
        for change in order.changes:
            if change.request_id == request_id:
                return Done(json_response(200, change.receipt))
        require_changeable(order, wanted)
        if len(order.changes) >= _MOST_CHANGES:
            raise refused("CHK0124", f"Max allowed modifications exceeded: {_MOST_CHANGES}")
        wanted = _first_lines(order, wanted)
        change = self._changing.apply(order, wanted, asked.now, request_id)
        return Done(json_response(200, change.receipt), effect=True)

    def summary(self, asked: Asked) -> Done:
        """Add up the changes of an order."""
        order = self._oms.require(asked.names["order_id"])
        return Done(json_response(200, summary_json(order)))


def _first_lines(order: Order, wanted: WantedChange) -> WantedChange:
    """Point at the first line of each SKU, because this version knows no unique ids."""
    first: dict[str, str] = {}
    for line in order.document.lines:
        first.setdefault(line.sku.id, line.unique_id)

    def point(item: ChangedItem) -> ChangedItem:
        return replace(item, unique_id=first.get(item.sku))

    return replace(wanted, remove=tuple(map(point, wanted.remove)))
