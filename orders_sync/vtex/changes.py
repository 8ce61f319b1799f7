"""Changes of an order: VTEX's present API, which works on them in the background.

https://developers.vtex.com/docs/guides/order-modifications
"""

from __future__ import annotations

from typing import Any

from orders_sync.domain.fulfilment import Change, ChangeRequest, ChangeState
from orders_sync.errors import OutcomeUnknown
from orders_sync.vtex.change_answers import (
    ChangePreview,
    ChangeSummary,
    PastChange,
    change_history,
    change_preview,
    change_state,
    change_summary,
)
from orders_sync.vtex.change_bodies import change_body
from orders_sync.vtex.endpoints import Endpoints, segment
from orders_sync.vtex.responses import read_json
from orders_sync.vtex.wording import require_text


class ChangeEndpoints(Endpoints):
    """Changes of the account's orders, one at a time an order.

    They are allowed in `handling`, `waiting-for-fulfillment` and `ready-for-invoicing`, if the
    account has them switched on. VTEX gives each a request id and takes none of ours, so the
    history is read before a change is sent again.
    """

    def create_change(self, order_id: str, change: Change) -> ChangeRequest:
        """Ask for a change (Createchange); follow it with `get_change_detail`.

        https://developers.vtex.com/docs/api-reference/orders-api#patch-/api/order-system/orders/-changeOrderId-/changes

        Raises:
            ParkedError: VTEX would misread the change, so it was not sent.
            Refused: the order takes no change now (SalesOrderSystem014: another one is running).
            OutcomeUnknown: VTEX may have taken it; its request id is not known.
        """
        operation = f"create_change {order_id}"
        # This route alone calls the account so; the others call it `an`.
        query, body = {"accountName": self.account}, change_body(change)
        path = _changes_path(order_id, operation)
        request, response = self._call(operation, "PATCH", path, query=query, payload=body)
        data = read_json(request, response)
        request_id = data.get("requestId") if isinstance(data, dict) else None
        if not isinstance(request_id, str) or not request_id:
            raise OutcomeUnknown(
                f"{operation}: VTEX answered {response.status} without a request id. "
                "Read the order's changes before you repeat it."
            )
        workflow_id = data.get("workflowId")
        return ChangeRequest(request_id, workflow_id if isinstance(workflow_id, str) else None)

    def preview_change(self, order_id: str, change: Change) -> ChangePreview:
        """Ask what a change would do (PreviewChange); nothing happens to the order.

        https://developers.vtex.com/docs/api-reference/orders-api#post-/api/order-system/orders/-changeOrderId-/changes/preview

        Raises:
            ParkedError: VTEX would misread the change, so it was not sent.
            Refused: VTEX would refuse the change.
        """
        operation = f"preview_change {order_id}"
        path = f"{_changes_path(order_id, operation)}/preview"
        body = change_body(change)
        return change_preview(self._ask(operation, "POST", path, payload=body))

    def get_change_history(self, order_id: str) -> tuple[PastChange, ...]:
        """Read the changes that took effect (GetChangeHistory), in VTEX's order.

        https://developers.vtex.com/docs/api-reference/orders-api#get-/api/order-system/orders/-changeOrderId-/changes
        """
        operation = f"get_change_history {order_id}"
        return change_history(self._ask(operation, "GET", _changes_path(order_id, operation)))

    def get_change_detail(self, order_id: str, request_id: str) -> ChangeState:
        """Read how far a change is (GetChangeDetail).

        https://developers.vtex.com/docs/api-reference/orders-api#get-/api/order-system/orders/-changeOrderId-/changes/-changeRequestId-

        Raises:
            NotFound: the order has no such change.
        """
        operation = f"get_change_detail {order_id} {request_id}"
        path = _change_path(order_id, request_id, operation)
        return change_state(request_id, self._ask(operation, "GET", path))

    def retry_change(self, order_id: str, request_id: str, change: Change) -> None:
        """Let VTEX try a change again that stopped on an error (RetryChange).

        VTEX wants the change once more, as it was asked for.

        https://developers.vtex.com/docs/api-reference/orders-api#post-/api/order-system/orders/-changeOrderId-/changes/-changeRequestId-/retry

        Raises:
            ParkedError: VTEX would misread the change, so it was not sent.
            Refused: the change did not stop on an error.
        """
        operation = f"retry_change {order_id} {request_id}"
        path = f"{_change_path(order_id, request_id, operation)}/retry"
        query = {"an": self.account}
        self._call(operation, "POST", path, query=query, payload=change_body(change))

    def cancel_change(self, order_id: str, request_id: str, reason: str) -> None:
        """Give a change up that stopped on an error (CancelChangeStoppedonError).

        https://developers.vtex.com/docs/api-reference/orders-api#post-/api/order-system/orders/-changeOrderId-/changes/-changeRequestId-/cancel

        Raises:
            ParkedError: the reason is empty; nothing was sent.
            Refused: the change did not stop on an error.
        """
        operation = f"cancel_change {order_id} {request_id}"
        path = f"{_change_path(order_id, request_id, operation)}/cancel"
        payload = {"reason": require_text(reason, "The reason")}
        self._call(operation, "POST", path, query={"an": self.account}, payload=payload)

    def get_change_summary(self, order_id: str) -> ChangeSummary:
        """Read what all changes together did to an order (GetChangeSummary).

        https://developers.vtex.com/docs/api-reference/orders-api#get-/api/orders/pvt/document/-orderId-/change-summary
        """
        operation = f"get_change_summary {order_id}"
        path = f"/api/orders/pvt/document/{segment(order_id, operation)}/change-summary"
        return change_summary(read_json(*self._call(operation, "GET", path)))

    def _ask(self, operation: str, method: str, path: str, *, payload: Any = None) -> Any:
        query = {"an": self.account}
        return read_json(
            *self._call(operation, method, path, query=query, payload=payload, changes_nothing=True)
        )


def _changes_path(order_id: str, operation: str) -> str:
    return f"/api/order-system/orders/{segment(order_id, operation)}/changes"


def _change_path(order_id: str, request_id: str, operation: str) -> str:
    return f"{_changes_path(order_id, operation)}/{segment(request_id, operation)}"
