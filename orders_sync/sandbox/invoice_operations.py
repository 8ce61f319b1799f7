"""The calls about invoices and their tracking."""

from __future__ import annotations

from random import Random

from orders_sync.sandbox import bodies, envelopes
from orders_sync.sandbox.dials import Dials
from orders_sync.sandbox.invoice_bodies import parse_invoice, parse_tracking
from orders_sync.sandbox.invoices import Invoice
from orders_sync.sandbox.invoicing import Invoicing
from orders_sync.sandbox.oms import Oms
from orders_sync.sandbox.operations import Asked, Done, Operation, Refusal
from orders_sync.sandbox.orders import Order
from orders_sync.sandbox.receipts import accepted
from orders_sync.sandbox.timestamps import offset_text, to_ticks

_CARRIAGE = ("trackingUrl", "courier", "dispatchedDate")


class InvoiceOperations:
    """Invoice notification, update of an invoice, and tracking."""

    def __init__(self, oms: Oms, invoicing: Invoicing, dials: Dials, random: Random) -> None:
        self._oms = oms
        self._invoicing = invoicing
        self._dials = dials
        self._random = random

    def table(self) -> dict[str, Operation]:
        """Name the operations as the routes do."""
        return {
            "invoice": self.invoice,
            "update_invoice": self.update_invoice,
            "update_tracking": self.update_tracking,
        }

    def invoice(self, asked: Asked) -> Done:
        """Take an invoice, of a sale or of a return."""
        order = self._oms.require(asked.names["order_id"])
        data = bodies.read_object(asked.request)
        skus = {line.sku.id for line in (*order.document.lines, *order.document.lingering)}
        invoice = parse_invoice(data, skus)
        effect = self._invoicing.accept(order, invoice, asked.now)
        answer = accepted(self._random, order.order_id, asked.now, may_lack=True)
        return Done(answer, effect=effect, about=invoice.number)

    def update_invoice(self, asked: Asked) -> Done:
        """Set the carrier, the tracking number and its URL."""
        order, invoice = self._find(asked)
        data = bodies.read_object(asked.request)
        number = bodies.text(data, "trackingNumber")
        rest = [bodies.optional_text(data, name) for name in _CARRIAGE]
        invoice.tracking_number = number
        invoice.tracking_url, invoice.courier, invoice.dispatched_at = rest
        return self._tell(order, invoice, asked, f"{invoice.number} {number}")

    def update_tracking(self, asked: Asked) -> Done:
        """Take what the carrier reported; VTEX does not say whether it replaces or adds."""
        order, invoice = self._find(asked)
        noted_at = offset_text(to_ticks(asked.now))
        progress = parse_tracking(bodies.read_object(asked.request), noted_at)
        if not invoice.tracking_number:
            raise bodies.bad_body(f"Invoice {invoice.number} has no tracking number")
        kept = invoice.events if self._dials.tracking_appends else ()
        invoice.events = (*kept, *progress.events)
        invoice.is_delivered = progress.is_delivered
        invoice.delivered_at = progress.delivered_at
        invoice.is_tracked = True
        return self._tell(order, invoice, asked, invoice.number)

    def _tell(self, order: Order, invoice: Invoice, asked: Asked, about: str) -> Done:
        self._invoicing.show(order, invoice, asked.now)
        answer = accepted(self._random, order.order_id, asked.now)
        return Done(answer, effect=True, about=about)

    def _find(self, asked: Asked) -> tuple[Order, Invoice]:
        """Find the invoice; some numbers that POST takes are never found again.

        Known issues 953285, 409225 and 1302085.
        """
        order = self._oms.require(asked.names["order_id"])
        number = asked.names["invoice_number"]
        if "/" in number:
            status = self._random.choice((400, 404))
            raise Refusal(
                envelopes.problem(status, "Bad Request" if status == 400 else "Not Found")
            )
        if " " in number.strip():
            raise Refusal(envelopes.oms_error(500, "1", "An error has occurred."))
        is_lost = "#" in number or number != number.strip()
        invoice = None if is_lost else order.invoice(number)
        if invoice is None:
            raise Refusal(envelopes.oms_error(404, "1", "Invoice Not Found"))
        return order, invoice
