"""Invoices and the tracking of their packages.

https://developers.vtex.com/docs/guides/erp-integration-set-up-order-integration
"""

from __future__ import annotations

from orders_sync.domain.fulfilment import Invoice, TrackingData, TrackingProgress, VtexReceipt
from orders_sync.vtex.endpoints import Endpoints, segment
from orders_sync.vtex.invoice_bodies import invoice_body, progress_body, tracking_body
from orders_sync.vtex.receipts import receipt


class InvoiceEndpoints(Endpoints):
    """What the account, as the one that fulfils the order, invoiced and sent.

    A 200 means that VTEX took the call. The effect shows in the order's packages some seconds
    later (`translate.fulfilment` reads them), and an order's status becomes `invoiced` only when
    its Output invoices sum to its value.
    """

    def invoice(self, order_id: str, invoice: Invoice) -> VtexReceipt:
        """Tell VTEX of an invoice (InvoiceNotification); tracking may come along or later.

        The same number again changes nothing in VTEX but the receipt. An Input invoice refunds
        the shopper at once.

        https://developers.vtex.com/docs/api-reference/orders-api#post-/api/oms/pvt/orders/-orderId-/invoice

        Raises:
            ParkedError: VTEX would misread the invoice (no offset in a time, a SKU on two items,
                a value or quantity that is not above 0), so it was not sent.
            Refused: the order's status takes no invoice, or the sum is above the order's value.
            NotFound: the account has no such order; a marketplace's id is not known to its seller.
        """
        operation = f"invoice {order_id} {invoice.number}"
        path = f"/api/oms/pvt/orders/{segment(order_id, operation)}/invoice"
        answer = self._call(operation, "POST", path, payload=invoice_body(invoice))
        return receipt(order_id, *answer)

    def update_invoice(
        self, order_id: str, invoice_number: str, tracking: TrackingData
    ) -> VtexReceipt:
        """Write an invoice's tracking, or write over it (Updatepartialinvoice).

        VTEX's own routes fail for good on a number with a space, a slash or a `#` in it.

        https://developers.vtex.com/docs/api-reference/orders-api#patch-/api/oms/pvt/orders/-orderId-/invoice/-invoiceNumber-

        Raises:
            ParkedError: the tracking number is empty or a time has no offset; nothing was sent.
            NotFound: the order has no invoice of that number, or not yet.
        """
        operation = f"update_invoice {order_id} {invoice_number}"
        path = _invoice_path(order_id, invoice_number, operation)
        answer = self._call(operation, "PATCH", path, payload=tracking_body(tracking))
        return receipt(order_id, *answer)

    def update_tracking(
        self, order_id: str, invoice_number: str, progress: TrackingProgress
    ) -> VtexReceipt:
        """Tell what happened to a package (UpdateTrackingStatus); its invoice has tracking by then.

        Give every event each time: VTEX does not say whether it adds them or replaces what it
        has. The order's status stays `invoiced`, also when the package was delivered. Times are
        written as their own offset shows them, because VTEX's formats for them have none.

        https://developers.vtex.com/docs/api-reference/orders-api#put-/api/oms/pvt/orders/-orderId-/invoice/-invoiceNumber-/tracking

        Raises:
            ParkedError: an event has no description, or a package that is not delivered has a
                time of delivery; nothing was sent.
            NotFound: the order has no invoice of that number, or not yet.
        """
        operation = f"update_tracking {order_id} {invoice_number}"
        path = f"{_invoice_path(order_id, invoice_number, operation)}/tracking"
        answer = self._call(operation, "PUT", path, payload=progress_body(progress))
        return receipt(order_id, *answer)


def _invoice_path(order_id: str, invoice_number: str, operation: str) -> str:
    order, number = segment(order_id, operation), segment(invoice_number, operation)
    return f"/api/oms/pvt/orders/{order}/invoice/{number}"
