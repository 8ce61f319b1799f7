"""VTEX's orders: read one, or those of one purchase, and start handling it."""

from __future__ import annotations

from orders_sync.errors import OutcomeUnknown, Unreadable
from orders_sync.vtex.endpoints import Endpoints, segment
from orders_sync.vtex.order_group import GroupedOrder, grouped_order
from orders_sync.vtex.responses import read_json


class OrderEndpoints(Endpoints):
    """The orders of the account; a marketplace's id of the same order is not known here."""

    def get_order(self, order_id: str) -> bytes:
        """Read an order's document, byte for byte as VTEX sent it.

        https://developers.vtex.com/docs/api-reference/orders-api#get-/api/oms/pvt/orders/-orderId-

        Raises:
            NotFound: the account has no such order.
            Unreadable: the answer is not the document of this order.
        """
        operation = f"get_order {order_id}"
        path = f"/api/oms/pvt/orders/{segment(order_id, operation)}"
        request, response = self._call(operation, "GET", path)
        document = read_json(request, response)
        if not isinstance(document, dict):
            raise Unreadable(f"{operation}: the answer must be a JSON object and is none.")
        if document.get("orderId") != order_id:
            raise Unreadable(f"{operation}: the answer's orderId is not the one asked for.")
        return response.body

    def get_order_group(self, order_group: str) -> tuple[GroupedOrder, ...]:
        """Read the orders that one purchase was split into; `order_group` is `Order.order_group`.

        https://developers.vtex.com/docs/api-reference/orders-api#get-/api/oms/pvt/orders/order-group/-orderGroup-

        Raises:
            NotFound: the account has no such group.
            Unreadable: the answer is no list of orders.
        """
        operation = f"get_order_group {order_group}"
        path = f"/api/oms/pvt/orders/order-group/{segment(order_group, operation)}"
        found = read_json(*self._call(operation, "GET", path))
        if not isinstance(found, list):
            raise Unreadable(f"{operation}: the answer must be a list of orders and is none.")
        return tuple(map(grouped_order, found))

    def start_handling(self, order_id: str) -> None:
        """Tell VTEX that the order is being fulfilled.

        https://developers.vtex.com/docs/api-reference/orders-api#post-/api/oms/pvt/orders/-orderId-/start-handling

        Raises:
            AlreadySo: the order is not (or no longer) ready for handling.
            OutcomeUnknown: VTEX may have taken the call; only 204 says that it has.
        """
        operation = f"start_handling {order_id}"
        path = f"/api/oms/pvt/orders/{segment(order_id, operation)}/start-handling"
        _, response = self._call(operation, "POST", path)
        if response.status != 204:
            raise OutcomeUnknown(
                f"{operation}: VTEX answered {response.status}, and only 204 means success. "
                "Read the order before you repeat it."
            )
