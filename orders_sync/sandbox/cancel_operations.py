"""The calls that cancel an order, or keep it from being cancelled."""

from __future__ import annotations

from random import Random

from orders_sync.sandbox import bodies
from orders_sync.sandbox.cancelling import Cancelling
from orders_sync.sandbox.oms import Oms
from orders_sync.sandbox.operations import Asked, Done, Operation
from orders_sync.sandbox.receipts import accepted
from orders_sync.sandbox.wire import Response


class CancelOperations:
    """Cancel order, and Deny cancellation request."""

    def __init__(self, oms: Oms, cancelling: Cancelling, random: Random) -> None:
        self._oms = oms
        self._cancelling = cancelling
        self._random = random

    def table(self) -> dict[str, Operation]:
        """Name the operations as the routes do."""
        return {"cancel": self.cancel, "deny_cancellation": self.deny}

    def cancel(self, asked: Asked) -> Done:
        """Accept a cancellation; the answer does not say that the order is cancelled."""
        order = self._oms.require(asked.names["order_id"])
        data = bodies.read_object(asked.request)
        reason = bodies.optional_text(data, "reason")
        by_user = data.get("requestedByUser") is True
        self._cancelling.for_seller(order, asked.now, reason, by_user=by_user)
        answer = accepted(self._random, order.order_id, asked.now, may_lack=True)
        return Done(answer, effect=True, about=reason)

    def deny(self, asked: Asked) -> Done:
        """Deny the cancellation that the shopper asked for."""
        order = self._oms.require(asked.names["order_id"])
        data = bodies.read_object(asked.request)
        request_id = bodies.text(data, "cancellationRequestId")
        self._cancelling.deny(order, asked.now, request_id, bodies.text(data, "denyReason"))
        return Done(Response(200), effect=True)
