"""Cancellations: ask for one, agree to one, deny one.

https://developers.vtex.com/docs/guides/order-canceling-improvements
"""

from __future__ import annotations

from orders_sync.domain.fulfilment import VtexReceipt
from orders_sync.vtex.endpoints import Endpoints, segment
from orders_sync.vtex.receipts import receipt
from orders_sync.vtex.wording import require_text


class CancellationEndpoints(Endpoints):
    """The way out of an order, which nobody can take back."""

    def cancel_order(self, order_id: str, reason: str) -> VtexReceipt:
        """Ask for a cancellation, or agree to one that was asked for (CancelOrder).

        A 200 means that the request was taken, not that the order is cancelled: an order in
        `ready-for-handling` or `handling` goes to `cancellation-requested` first, and a second
        call agrees. The order says `canceled` when it is.

        https://developers.vtex.com/docs/api-reference/orders-api#post-/api/oms/pvt/orders/-orderId-/cancel

        Raises:
            ParkedError: the reason is empty; nothing was sent.
            Refused: the order's status allows it no more: it is invoiced, or partly so.
        """
        operation = f"cancel_order {order_id}"
        path = f"/api/oms/pvt/orders/{segment(order_id, operation)}/cancel"
        payload = {"reason": require_text(reason, "The reason")}
        return receipt(order_id, *self._call(operation, "POST", path, payload=payload))

    def deny_cancellation(self, order_id: str, request_id: str, reason: str) -> None:
        """Deny a cancellation that the shopper or the marketplace asked for.

        `request_id` is the order's `Fulfilment.cancellation_request_id`. The order goes back to
        where it was. Never deny a request of your own: the order then sticks for good.

        https://developers.vtex.com/docs/guides/order-canceling-improvements

        Raises:
            ParkedError: the id or the reason is empty; nothing was sent.
            Refused: the order is not in `cancellation-requested`, or the request is not known.
        """
        operation = f"deny_cancellation {order_id}"
        path = f"/api/orders/pvt/document/{segment(order_id, operation)}/deny-cancellation-request"
        payload = {
            "cancellationRequestId": require_text(request_id, "The cancellation request's id"),
            "denyReason": require_text(reason, "The reason"),
        }
        self._call(operation, "POST", path, payload=payload)
