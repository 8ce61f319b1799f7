"""The calls about invoices and their tracking: what is refused, and what comes of the rest.

https://developers.vtex.com/docs/api-reference/orders-api#post-/api/oms/pvt/orders/-orderId-/invoice
https://help.vtex.com/en/tracks/orders--2xkTisx4SXOWXQel8Jg8sa/2WgQrlHTyVo4hLjhUs1LMT
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from functools import partial
from random import Random
from typing import Any, NamedTuple

from orders_sync.sandbox import bodies, envelopes
from orders_sync.sandbox import workflow as w
from orders_sync.sandbox.dials import Dials
from orders_sync.sandbox.invoices import CarrierEvent, Invoice, InvoiceLine
from orders_sync.sandbox.oms import Oms
from orders_sync.sandbox.orders import OmsOrder
from orders_sync.sandbox.wire import (
    Asked,
    CallRefused,
    Done,
    Operation,
    accepted,
    offset_text,
    to_ticks,
)


class TrackingUpdate(NamedTuple):
    """What a PUT of tracking says."""

    events: tuple[CarrierEvent, ...]
    is_delivered: bool
    delivered_at: str | None


def parse_invoice(data: dict[str, Any], skus: AbstractSet[str]) -> Invoice:
    """Read the body of an invoice for an order of these SKUs."""
    kind = bodies.text(data, "type")
    if kind not in {"Output", "Input"}:
        raise bodies.bad_body("The field type must be Output or Input")
    issued_at = bodies.moment(data, "issuanceDate")
    if " " in issued_at:
        raise bodies.bad_body("The field issuanceDate is not a date")
    return Invoice(
        number=bodies.text(data, "invoiceNumber"),
        type="Output" if kind == "Output" else "Input",
        value_cents=_cents(data.get("invoiceValue")),
        issued_at=issued_at,
        lines=tuple(_line(item, skus) for item in bodies.objects(data, "items")),
        key=bodies.optional_text(data, "invoiceKey"),
        url=bodies.optional_text(data, "invoiceUrl"),
        embedded=bodies.optional_text(data, "embeddedInvoice"),
        courier=bodies.optional_text(data, "courier"),
        tracking_number=bodies.optional_text(data, "trackingNumber"),
        tracking_url=bodies.optional_text(data, "trackingUrl"),
        dispatched_at=bodies.optional_text(data, "dispatchedDate"),
        cfop=bodies.optional_text(data, "cfop"),
    )


def parse_tracking(data: dict[str, Any], noted_at: str) -> TrackingUpdate:
    """Read the body of a PUT of tracking."""
    delivered_at = None
    if data.get("deliveredDate") is not None:
        delivered_at = bodies.moment(data, "deliveredDate")
    return TrackingUpdate(
        events=tuple(_event(event, noted_at) for event in bodies.objects(data, "events")),
        is_delivered=bodies.flag(data, "isDelivered"),
        delivered_at=delivered_at,
    )


def _cents(value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise bodies.bad_body("The field invoiceValue must be a number of cents above zero")
    return value


def _line(item: dict[str, Any], skus: AbstractSet[str]) -> InvoiceLine:
    sku = bodies.text(item, "id")
    if sku not in skus:
        raise bodies.bad_body(f"Item {sku} was not found in the order")
    return InvoiceLine(
        sku=sku,
        quantity=bodies.whole(item, "quantity", least=1),
        price_cents=bodies.whole(item, "price"),
        description=bodies.optional_text(item, "description"),
    )


def _event(data: dict[str, Any], noted_at: str) -> CarrierEvent:
    return CarrierEvent(
        city=bodies.text(data, "city"),
        state=bodies.text(data, "state"),
        description=bodies.text(data, "description"),
        date=bodies.moment(data, "date"),
        noted_at=noted_at,
    )


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

    def _tell(self, order: OmsOrder, invoice: Invoice, asked: Asked, about: str) -> Done:
        self._invoicing.show(order, invoice, asked.now)
        answer = accepted(self._random, order.order_id, asked.now)
        return Done(answer, effect=True, about=about)

    def _find(self, asked: Asked) -> tuple[OmsOrder, Invoice]:
        """Find the invoice; some numbers that POST takes are never found again.

        Known issues 953285, 409225 and 1302085.
        """
        order = self._oms.require(asked.names["order_id"])
        number = asked.names["invoice_number"]
        if "/" in number:
            status = self._random.choice((400, 404))
            raise CallRefused(
                envelopes.problem(status, "Bad Request" if status == 400 else "Not Found")
            )
        if " " in number.strip():
            raise CallRefused(envelopes.oms_error(500, "1", "An error has occurred."))
        is_lost = "#" in number or number != number.strip()
        invoice = None if is_lost else order.invoice(number)
        if invoice is None:
            raise CallRefused(envelopes.oms_error(404, "1", "Invoice Not Found"))
        return order, invoice


_NO_REFUND = "CHK0054 dont have value to refund"
_RETURNABLE = w.TAKES_INVOICE | {"invoiced"}


class Invoicing:
    """Accepts invoices at once and lets them show in the order a while later."""

    def __init__(self, oms: Oms, dials: Dials) -> None:
        self._oms = oms
        self._dials = dials

    def accept(self, order: OmsOrder, invoice: Invoice, now: float) -> bool:
        """Take an invoice; False: its number is there already, so only the receipt is new.

        Raises:
            CallRefused: the order's status or its value forbids it.
        """
        if order.invoice(invoice.number) is not None:
            return False
        if invoice.type == "Output":
            _check_sale(order, invoice)
        else:
            _check_return(order, invoice)
            _take_refund(order, invoice)
        invoice.effects += 1
        order.invoices.append(invoice)
        self.show(order, invoice, now)
        return True

    def show(self, order: OmsOrder, invoice: Invoice, now: float) -> None:
        """Show an invoice, or a change of it, in the order's document a while later."""
        at = now + self._dials.visible_after_seconds
        self._oms.later(at, partial(self._show, order, invoice))
        self._oms.settle(now)

    def recount(self, order: OmsOrder, now: float) -> None:
        """Move on an order that a change has made as dear as its invoices."""
        invoiced = order.invoiced_cents
        if order.status in w.IN_HANDLING and 0 < invoiced == order.document.value_cents:
            self._enter(order, now)

    def _show(self, order: OmsOrder, invoice: Invoice, now: float) -> None:
        is_news = not invoice.is_shown
        invoice.is_shown = True
        order.show_packages()
        if is_news and invoice.type == "Output":
            self._enter(order, now)

    def _enter(self, order: OmsOrder, now: float) -> None:
        steps = () if order.status == "invoice" else w.INVOICE
        if order.status == "cancellation-requested":
            order.close_cancellation("The order was invoiced", offset_text(to_ticks(now)))
            steps = (w.INVOICE_AFTER_DENY, *steps)
        self._oms.take(order, now, *steps)
        self._oms.later(now + self._dials.invoicing_seconds, partial(self._verify, order))

    def _verify(self, order: OmsOrder, now: float) -> None:
        """Compare the sums; an order whose invoices exceed its value is stuck for good."""
        if order.status != "invoice":
            return
        missing = order.document.value_cents - order.shown_cents
        if missing == 0:
            self._oms.take(order, now, *w.INVOICED)
        elif missing > 0:
            self._oms.take(order, now, *w.INVOICED_IN_PART)


def _check_sale(order: OmsOrder, invoice: Invoice) -> None:
    if order.status not in w.TAKES_INVOICE:
        raise CallRefused(envelopes.cannot_be_invoiced(order.order_id, order.status))
    rest = order.document.value_cents - order.invoiced_cents
    if invoice.value_cents > rest:
        message = f"The invoice value {invoice.value_cents} exceeds what is left to invoice, {rest}"
        raise CallRefused(envelopes.oms_error(400, "1", message))


def _check_return(order: OmsOrder, invoice: Invoice) -> None:
    if order.status not in _RETURNABLE:
        raise CallRefused(envelopes.cannot_be_invoiced(order.order_id, order.status))
    sold = {line.sku for sale in order.invoices if sale.type == "Output" for line in sale.lines}
    strange = [line.sku for line in invoice.lines if line.sku not in sold]
    if strange:
        message = f"Item {strange[0]} was not invoiced, so it cannot be returned"
        raise CallRefused(envelopes.oms_error(400, "1", message))
    rest = order.invoiced_cents - order.refunded_cents
    if invoice.value_cents > rest:
        message = f"Unable to using the restitution Refund more than {rest}"
        raise CallRefused(envelopes.oms_error(400, "1", message))


def _take_refund(order: OmsOrder, invoice: Invoice) -> None:
    """Pay back, unless the order was invoiced in part only, or a SKU comes twice.

    The second is known issue 1198829; both are accepted, and the money does not come.
    """
    skus = [line.sku for line in invoice.lines]
    in_part = order.invoiced_cents < order.document.value_cents
    if in_part or len(set(skus)) < len(skus):
        invoice.refund_problem = _NO_REFUND
    else:
        invoice.refund_cents = invoice.value_cents
