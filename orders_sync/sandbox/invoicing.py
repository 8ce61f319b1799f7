"""What an invoice does to its order: sums, refunds, and the way to `invoiced`.

https://help.vtex.com/en/tracks/orders--2xkTisx4SXOWXQel8Jg8sa/2WgQrlHTyVo4hLjhUs1LMT
"""

from __future__ import annotations

from functools import partial

from orders_sync.sandbox import envelopes
from orders_sync.sandbox import workflow as w
from orders_sync.sandbox.dials import Dials
from orders_sync.sandbox.invoices import Invoice
from orders_sync.sandbox.oms import Oms
from orders_sync.sandbox.operations import Refusal
from orders_sync.sandbox.orders import Order
from orders_sync.sandbox.timestamps import offset_text, to_ticks

_NO_REFUND = "CHK0054 dont have value to refund"
_RETURNABLE = w.TAKES_INVOICE | {"invoiced"}


class Invoicing:
    """Accepts invoices at once and lets them show in the order a while later."""

    def __init__(self, oms: Oms, dials: Dials) -> None:
        self._oms = oms
        self._dials = dials

    def accept(self, order: Order, invoice: Invoice, now: float) -> bool:
        """Take an invoice; False: its number is there already, so only the receipt is new.

        Raises:
            Refusal: the order's status or its value forbids it.
        """
        if order.invoice(invoice.number) is not None:
            return False
        if invoice.type == "Output":
            _check_sale(order, invoice)
        else:
            _check_return(order, invoice)
            _refund(order, invoice)
        invoice.effects += 1
        order.invoices.append(invoice)
        self.show(order, invoice, now)
        return True

    def show(self, order: Order, invoice: Invoice, now: float) -> None:
        """Let the order's document tell of an invoice, or of news about it, a while later."""
        at = now + self._dials.visible_after_seconds
        self._oms.later(at, partial(self._show, order, invoice))
        self._oms.settle(now)

    def recount(self, order: Order, now: float) -> None:
        """Move on an order that a change has made as dear as its invoices."""
        invoiced = order.invoiced_cents
        if order.status in w.IN_HANDLING and 0 < invoiced == order.document.value_cents:
            self._enter(order, now)

    def _show(self, order: Order, invoice: Invoice, now: float) -> None:
        is_news = not invoice.is_shown
        invoice.is_shown = True
        order.show_packages()
        if is_news and invoice.type == "Output":
            self._enter(order, now)

    def _enter(self, order: Order, now: float) -> None:
        steps = () if order.status == "invoice" else w.INVOICE
        if order.status == "cancellation-requested":
            order.close_cancellation("The order was invoiced", offset_text(to_ticks(now)))
            steps = (w.INVOICE_AFTER_DENY, *steps)
        self._oms.take(order, now, *steps)
        self._oms.later(now + self._dials.invoicing_seconds, partial(self._verify, order))

    def _verify(self, order: Order, now: float) -> None:
        """Compare the sums; an order whose invoices exceed its value is stuck for good."""
        if order.status != "invoice":
            return
        missing = order.document.value_cents - order.shown_cents
        if missing == 0:
            self._oms.take(order, now, *w.INVOICED)
        elif missing > 0:
            self._oms.take(order, now, *w.INVOICED_IN_PART)


def _check_sale(order: Order, invoice: Invoice) -> None:
    if order.status not in w.TAKES_INVOICE:
        raise Refusal(envelopes.cannot_be_invoiced(order.order_id, order.status))
    rest = order.document.value_cents - order.invoiced_cents
    if invoice.value_cents > rest:
        message = f"The invoice value {invoice.value_cents} exceeds what is left to invoice, {rest}"
        raise Refusal(envelopes.oms_error(400, "1", message))


def _check_return(order: Order, invoice: Invoice) -> None:
    if order.status not in _RETURNABLE:
        raise Refusal(envelopes.cannot_be_invoiced(order.order_id, order.status))
    sold = {line.sku for sale in order.invoices if sale.type == "Output" for line in sale.lines}
    strange = [line.sku for line in invoice.lines if line.sku not in sold]
    if strange:
        message = f"Item {strange[0]} was not invoiced, so it cannot be returned"
        raise Refusal(envelopes.oms_error(400, "1", message))
    rest = order.invoiced_cents - order.refunded_cents
    if invoice.value_cents > rest:
        message = f"Unable to using the restitution Refund more than {rest}"
        raise Refusal(envelopes.oms_error(400, "1", message))


def _refund(order: Order, invoice: Invoice) -> None:
    """Pay back, unless the order was invoiced in part only, or a SKU comes twice.

    The second is known issue 1198829; both are accepted, and the money does not come.
    """
    skus = [line.sku for line in invoice.lines]
    in_part = order.invoiced_cents < order.document.value_cents
    if in_part or len(set(skus)) < len(skus):
        invoice.refund_problem = _NO_REFUND
    else:
        invoice.refund_cents = invoice.value_cents
