"""Writes to VTEX about orders: handling, invoices, tracking, cancellations, changes, notes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orders_sync.commands.cancel import CancelBody
from orders_sync.commands.change import ChangeBody
from orders_sync.commands.deny import DenyBody
from orders_sync.commands.invoice import InvoiceBody
from orders_sync.commands.note import NoteBody
from orders_sync.commands.track import TrackBody
from orders_sync.domain.fulfilment import ChangeRequest, ChangeState, VtexReceipt
from orders_sync.errors import OutcomeUnknown
from orders_sync.vtex import names
from orders_sync.vtex.change_answers import (
    ChangePreview,
    PastChange,
    change_history,
    change_preview,
    change_state,
)
from orders_sync.vtex.documents import parse_timestamp
from orders_sync.vtex.endpoints import EndpointGroup, segment
from orders_sync.vtex.names import encode, encode_legacy_change, not_sendable
from orders_sync.vtex.responses import read_json

_ORDERS = "/api/oms/pvt/orders"


class WriteEndpoints(EndpointGroup):
    """What the account, as the one that fulfils its orders, has done with them.

    A 200 means that VTEX took the call. The effect shows in the order some seconds later
    (`fulfilment` reads it).
    """

    def start_handling(self, order_id: str) -> None:
        """Start the handling of the order, which is being fulfilled.

        https://developers.vtex.com/docs/api-reference/orders-api#post-/api/oms/pvt/orders/-orderId-/start-handling

        Raises:
            AlreadySo: the order is not (or no longer) ready for handling.
            OutcomeUnknown: VTEX may have taken the call; only 204 says that it has.
        """
        operation = f"start_handling {order_id}"
        path = f"{_ORDERS}/{segment(order_id, operation)}/start-handling"
        _, response = self._call(operation, "POST", path)
        if response.status != 204:
            raise OutcomeUnknown(
                f"{operation}: VTEX answered {response.status}, and only 204 means success. "
                "Read the order before you repeat it."
            )

    def invoice(self, order_id: str, invoice: InvoiceBody) -> VtexReceipt:
        """Send an invoice (InvoiceNotification); tracking may come along or later.

        It says its value, its time of issue and its items, each SKU once. The same number again
        changes nothing in VTEX but the receipt. An Input invoice refunds the shopper at once. An
        order's status becomes `invoiced` when its Output invoices sum to its value.

        https://developers.vtex.com/docs/api-reference/orders-api#post-/api/oms/pvt/orders/-orderId-/invoice

        Raises:
            ParkedError: VTEX would misread the invoice, so it was not sent.
            Refused: the order's status takes no invoice, or the sum is above the order's value.
            NotFound: the account has no such order; a marketplace's id is not known to its seller.
        """
        _require_whole(invoice)
        operation = f"invoice {order_id} {invoice.number}"
        path = f"{_ORDERS}/{segment(order_id, operation)}/invoice"
        return self._tell(operation, "POST", path, encode(invoice, names.INVOICE), order_id)

    def update_invoice(self, order_id: str, number: str, tracking: TrackBody) -> VtexReceipt:
        """Write an invoice's tracking, or write over it (Updatepartialinvoice).

        VTEX wants all four fields, and takes null in three. Its own routes fail for good on a
        number with a space, a slash or a `#` in it.

        https://developers.vtex.com/docs/api-reference/orders-api#patch-/api/oms/pvt/orders/-orderId-/invoice/-invoiceNumber-

        Raises:
            ParkedError: there is no tracking number; nothing was sent.
            NotFound: the order has no invoice of that number, or not yet.
        """
        if tracking.tracking_number is None:
            raise not_sendable("The tracking number is missing", "Give tracking_number a text.")
        operation = f"update_invoice {order_id} {number}"
        path = _invoice_path(order_id, number, operation)
        payload = encode(tracking, names.PARCEL, with_nulls=True)
        return self._tell(operation, "PATCH", path, payload, order_id)

    def update_tracking(self, order_id: str, number: str, tracking: TrackBody) -> VtexReceipt:
        """Send what happened to a package (UpdateTrackingStatus); its invoice has tracking by then.

        Give every event each time: VTEX does not say whether it adds them or replaces what it
        has. The order's status stays `invoiced`, also when the package was delivered. Times are
        written as their own offset shows them, because VTEX's formats for them have none.

        https://developers.vtex.com/docs/api-reference/orders-api#put-/api/oms/pvt/orders/-orderId-/invoice/-invoiceNumber-/tracking

        Raises:
            ParkedError: a package that is not delivered has a time of delivery; nothing was sent.
            NotFound: the order has no invoice of that number, or not yet.
        """
        if tracking.delivered_at is not None and not tracking.delivered:
            raise not_sendable(
                "The package has a time of delivery and is not delivered",
                "Say that it is delivered, or leave the time out.",
            )
        operation = f"update_tracking {order_id} {number}"
        path = f"{_invoice_path(order_id, number, operation)}/tracking"
        payload = encode(tracking, names.PROGRESS, with_nulls=True)
        return self._tell(operation, "PUT", path, payload, order_id)

    def cancel_order(self, order_id: str, cancellation: CancelBody) -> VtexReceipt:
        """Request a cancellation, or agree to one that was requested (CancelOrder).

        A 200 means that the request was taken, not that the order is cancelled: an order in
        `ready-for-handling` or `handling` goes to `cancellation-requested` first, and a second
        call agrees. The order says `canceled` when it is.

        https://developers.vtex.com/docs/api-reference/orders-api#post-/api/oms/pvt/orders/-orderId-/cancel

        Raises:
            Refused: the order's status allows it no more: it is invoiced, or partly so.
        """
        operation = f"cancel_order {order_id}"
        path = f"{_ORDERS}/{segment(order_id, operation)}/cancel"
        return self._tell(operation, "POST", path, encode(cancellation, names.CANCEL), order_id)

    def deny_cancellation(self, order_id: str, request_id: str, denial: DenyBody) -> None:
        """Deny a cancellation that the shopper or the marketplace asked for.

        `request_id` is the order's `Fulfilment.cancellation_request_id`. The order goes back to
        where it was. Never deny a request of your own: the order then sticks for good.

        https://developers.vtex.com/docs/guides/order-canceling-improvements

        Raises:
            Refused: the order is not in `cancellation-requested`, or the request is not known.
        """
        operation = f"deny_cancellation {order_id}"
        path = f"/api/orders/pvt/document/{segment(order_id, operation)}/deny-cancellation-request"
        payload = {"cancellationRequestId": request_id, **encode(denial, names.DENY)}
        self._call(operation, "POST", path, payload=payload)

    def add_interaction(self, order_id: str, note: NoteBody) -> None:
        """Add a line to the order's timeline in VTEX's Admin (AddLog).

        https://developers.vtex.com/docs/api-reference/orders-api#post-/api/oms/pvt/orders/-orderId-/interactions
        """
        operation = f"add_interaction {order_id}"
        path = f"{_ORDERS}/{segment(order_id, operation)}/interactions"
        self._call(operation, "POST", path, payload=encode(note, names.NOTE))

    def create_change(self, order_id: str, change: ChangeBody) -> ChangeRequest:
        """Request a change (Createchange); follow it with `get_change_detail`.

        VTEX takes one at a time an order, in `handling`, `waiting-for-fulfillment` and
        `ready-for-invoicing`, if the account has changes switched on. It gives each a request id
        and takes none of ours, so the history is read before a change is sent again.

        https://developers.vtex.com/docs/api-reference/orders-api#patch-/api/order-system/orders/-changeOrderId-/changes

        Raises:
            Refused: the order takes no change now (SalesOrderSystem014: another one is running).
            OutcomeUnknown: VTEX may have taken it; its request id is not known.
        """
        operation = f"create_change {order_id}"
        # This route alone calls the account so; the others call it `an`.
        query, payload = {"accountName": self.account}, encode(change, names.CHANGE)
        path = _changes_path(order_id, operation)
        request, response = self._call(operation, "PATCH", path, query=query, payload=payload)
        data = read_json(request, response)
        request_id = data.get("requestId") if isinstance(data, dict) else None
        if not isinstance(request_id, str) or not request_id:
            raise OutcomeUnknown(
                f"{operation}: VTEX answered {response.status} without a request id. "
                "Read the order's changes before you repeat it."
            )
        workflow_id = data.get("workflowId")
        return ChangeRequest(request_id, workflow_id if isinstance(workflow_id, str) else None)

    def preview_change(self, order_id: str, change: ChangeBody) -> ChangePreview:
        """Read what a change would do (PreviewChange); nothing happens to the order.

        https://developers.vtex.com/docs/api-reference/orders-api#post-/api/order-system/orders/-changeOrderId-/changes/preview

        Raises:
            Refused: VTEX would refuse the change.
        """
        operation = f"preview_change {order_id}"
        path = f"{_changes_path(order_id, operation)}/preview"
        payload = encode(change, names.CHANGE)
        return change_preview(self._ask(operation, "POST", path, payload=payload))

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
        path = f"{_changes_path(order_id, operation)}/{segment(request_id, operation)}"
        return change_state(request_id, self._ask(operation, "GET", path))

    def register_change(self, order_id: str, change: ChangeBody, request_id: str) -> VtexReceipt:
        """Change an order by VTEX's legacy API (RegisterChange), in effect when VTEX answers.

        VTEX switched it off for most accounts on 2026-03-01, and an order that was changed by it
        takes no change by the present API. The first call with a `request_id` counts for an order;
        another with the same id changes nothing. Lines are named by SKU.

        https://developers.vtex.com/docs/api-reference/orders-api#post-/api/oms/pvt/orders/-orderId-/changes

        Raises:
            ParkedError: an item has no price, so it was not sent.
            Refused: the order's status takes no change, or the account's legacy API is off.
        """
        operation = f"register_change {order_id}"
        path = f"{_ORDERS}/{segment(order_id, operation)}/changes"
        payload = encode_legacy_change(change, request_id)
        return self._tell(operation, "POST", path, payload, order_id)

    def _tell(
        self, operation: str, method: str, path: str, payload: dict[str, Any], order_id: str
    ) -> VtexReceipt:
        """Send a body, and read VTEX's receipt: it took the call also where that is null or empty.

        Raises:
            OutcomeUnknown: the answer is not JSON, so it does not tell what happened.
        """
        data = read_json(*self._call(operation, method, path, payload=payload))
        fields = data if isinstance(data, Mapping) else {}
        named, number = fields.get("orderId"), fields.get("receipt")
        return VtexReceipt(
            receipt=number if isinstance(number, str) and number else None,
            date=parse_timestamp(fields.get("date")),
            order_id=named if isinstance(named, str) and named else order_id,
        )

    def _ask(self, operation: str, method: str, path: str, *, payload: Any = None) -> Any:
        query = {"an": self.account}
        return read_json(
            *self._call(operation, method, path, query=query, payload=payload, changes_nothing=True)
        )


def _require_whole(invoice: InvoiceBody) -> None:
    """Check that an invoice says all that VTEX wants.

    https://help.vtex.com/en/known-issues: a SKU on two items has the wrong line matched.

    Raises:
        ParkedError: it does not; the message names what is missing.
    """
    for field in ("issued_at", "value_cents", "items"):
        if getattr(invoice, field) is None:
            raise not_sendable(f"Invoice {invoice.number} has no {field}", f"Give {field}.")
    skus = [item.sku for item in invoice.items or ()]
    for sku in skus:
        if sku is None or skus.count(sku) > 1:
            raise not_sendable(
                f"Invoice {invoice.number} names SKU {sku} more than once, or an item without one",
                "Add the quantities of a SKU up in one item.",
            )


def _invoice_path(order_id: str, number: str, operation: str) -> str:
    return f"{_ORDERS}/{segment(order_id, operation)}/invoice/{segment(number, operation)}"


def _changes_path(order_id: str, operation: str) -> str:
    return f"/api/order-system/orders/{segment(order_id, operation)}/changes"
