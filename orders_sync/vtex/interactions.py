"""Notes on an order's timeline."""

from __future__ import annotations

from orders_sync.vtex.endpoints import Endpoints, segment
from orders_sync.vtex.wording import require_text


class InteractionEndpoints(Endpoints):
    """What people read beside an order in VTEX's Admin."""

    def add_interaction(self, order_id: str, source: str, message: str) -> None:
        """Add a note to the order's timeline (AddLog); the same note twice stands there twice.

        `source` says who wrote it, such as `ERP`.

        https://developers.vtex.com/docs/api-reference/orders-api#post-/api/oms/pvt/orders/-orderId-/interactions

        Raises:
            ParkedError: source or message is empty; nothing was sent.
        """
        operation = f"add_interaction {order_id}"
        path = f"/api/oms/pvt/orders/{segment(order_id, operation)}/interactions"
        payload = {
            "source": require_text(source, "The note's source"),
            "message": require_text(message, "The note's message"),
        }
        self._call(operation, "POST", path, payload=payload)
