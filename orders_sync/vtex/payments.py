"""An order's payments as the OMS knows them."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from orders_sync.domain.order import Payment
from orders_sync.vtex.documents import require
from orders_sync.vtex.endpoints import Endpoints, segment
from orders_sync.vtex.responses import read_json
from orders_sync.vtex.schemas import PaymentEntry, Rows, Text, WireModel
from orders_sync.vtex.translate import payment


@dataclass(frozen=True, slots=True)
class PaymentTransaction:
    """The transaction that pays an order; `status` is the gateway's word, such as `Finished`."""

    transaction_id: str | None
    status: str | None
    is_active: bool | None
    merchant_name: str | None
    payments: tuple[Payment, ...]


class _Transaction(WireModel):
    transaction_id: Text = None
    status: Text = None
    is_active: bool | None = None
    merchant_name: Text = None
    payments: Rows[PaymentEntry] = Field(default_factory=list)


class PaymentEndpoints(Endpoints):
    """Payments of the account's orders."""

    def get_payment_transaction(self, order_id: str) -> PaymentTransaction:
        """Read how an order is paid (GetPaymenttransaction); only a marketplace's order has it.

        Card numbers and holders are not read.

        https://developers.vtex.com/docs/api-reference/orders-api#get-/api/oms/pvt/orders/-orderId-/payment-transaction

        Raises:
            NotFound: the account has no such order, or it is a seller's and is paid elsewhere.
            Unreadable: the answer is no transaction.
        """
        operation = f"get_payment_transaction {order_id}"
        path = f"/api/oms/pvt/orders/{segment(order_id, operation)}/payment-transaction"
        data = read_json(*self._call(operation, "GET", path))
        found = require(_Transaction, data, f"{operation}: the transaction")
        return PaymentTransaction(
            transaction_id=found.transaction_id,
            status=found.status,
            is_active=found.is_active,
            merchant_name=found.merchant_name,
            payments=tuple(map(payment, found.payments)),
        )

    def notify_payment(self, order_id: str, payment_id: str) -> None:
        """Tell VTEX that a payment made outside of it has arrived (SendPaymentNotification).

        Cash and notes, for example. The order moves on as paid, so call it once the money is
        there. `payment_id` is the id of one of the transaction's payments.

        https://developers.vtex.com/docs/api-reference/orders-api#post-/api/oms/pvt/orders/-orderId-/payments/-paymentId-/payment-notification

        Raises:
            Refused: the payment is not one that may be notified.
            NotFound: the order has no such payment.
        """
        operation = f"notify_payment {order_id} {payment_id}"
        order, paid = segment(order_id, operation), segment(payment_id, operation)
        path = f"/api/oms/pvt/orders/{order}/payments/{paid}/payment-notification"
        self._call(operation, "POST", path)
