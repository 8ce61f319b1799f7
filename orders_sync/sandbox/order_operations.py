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
    """Get order, List orders and Start handling."""

    def __init__(self, oms: Oms, dials: Dials, random: Random) -> None:
        self._oms = oms
        self._dials = dials
        self._random = random

    def table(self) -> dict[str, Operation]:
        """Name the operations as the routes do."""
        return {
            "get_order": self.get_order,
            "list_orders": self.list_orders,
            "start_handling": self.start_handling,
        }

    def get_order(self, asked: Asked) -> Done:
        """Answer with the order's document."""
        order = self._oms.find(asked.names["order_id"])
        if order is None:
            return Done(envelopes.order_not_found())
        return Done(Response(200, order.body(), _JSON_HEADERS))

    def list_orders(self, asked: Asked) -> Done:
        """Answer with a page of what the index knows by now."""
        indexed_until = asked.now - self._dials.index_lag_seconds
        return Done(list_orders(self._oms, asked.request.parameters(), indexed_until))

    def start_handling(self, asked: Asked) -> Done:
        """Take the order over, if it is ready for handling."""
        order = self._oms.find(asked.names["order_id"])
        if order is None:
            return Done(envelopes.order_not_found())
        chance = self._dials.hollow_success
        if chance and self._random.random() < chance:
            return Done(Response(204))
        if not self._oms.start_handling(order, asked.now):
            return Done(envelopes.wrong_status(self._random))
        return Done(Response(204), effect=True)
