"""The calls about orders."""

from __future__ import annotations

from random import Random

from orders_sync.sandbox import envelopes
from orders_sync.sandbox.dials import Dials
from orders_sync.sandbox.listing import list_orders
from orders_sync.sandbox.oms import Oms
from orders_sync.sandbox.operations import Asked, Done, Operation
from orders_sync.sandbox.wire import JSON, Response

_JSON_HEADERS = {"content-type": JSON}


class OrderOperations:
    """Get order, order group, List orders and Start handling."""

    def __init__(self, oms: Oms, dials: Dials, random: Random) -> None:
        self._oms = oms
        self._dials = dials
        self._random = random

    def table(self) -> dict[str, Operation]:
        """Name the operations as the routes do."""
        return {
            "get_order": self.get_order,
            "order_group": self.order_group,
            "list_orders": self.list_orders,
            "start_handling": self.start_handling,
        }

    def get_order(self, asked: Asked) -> Done:
        """Answer with the order's document."""
        order = self._oms.require(asked.names["order_id"])
        return Done(Response(200, order.body_at(asked.now), _JSON_HEADERS))

    def order_group(self, asked: Asked) -> Done:
        """Answer with the documents of all orders of one purchase."""
        group = asked.names["order_group"]
        bodies = (
            order.body()
            for order in self._oms.orders.values()
            if order.document.ids.order_group == group and not order.vanished
        )
        return Done(Response(200, b"[%b]" % b",".join(bodies), _JSON_HEADERS))

    def list_orders(self, asked: Asked) -> Done:
        """Answer with a page of what the index knows by now."""
        indexed_until = asked.now - self._dials.index_lag_seconds
        return Done(list_orders(self._oms, asked.request.parameters(), indexed_until))

    def start_handling(self, asked: Asked) -> Done:
        """Take the order over, if it is ready for handling."""
        order = self._oms.require(asked.names["order_id"])
        chance = self._dials.hollow_success
        if chance and self._random.random() < chance:
            return Done(Response(204))
        if not self._oms.start_handling(order, asked.now):
            return Done(envelopes.wrong_status(self._random))
        return Done(Response(204), effect=True)
