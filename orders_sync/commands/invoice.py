"""Invoices: their body, and when one may be sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Final, Self

from pydantic import Field, field_validator, model_validator

from orders_sync.commands.body import (
    Count,
    File,
    Moment,
    Number,
    ParcelBody,
    Quantity,
    Text,
    require_writable,
)
from orders_sync.commands.items import choose, everything_left
from orders_sync.commands.kind import GOODS, Kind
from orders_sync.commands.track import TrackBody, judge_parcel, number_unclear
from orders_sync.commands.unseen import (
    foresee,
    wait_for_cancellation,
    wait_for_changes,
)
from orders_sync.commands.verdicts import (
    AlreadyInVtex,
    Intent,
    Known,
    NotAllowed,
    Send,
    Verdict,
    Wait,
)
from orders_sync.domain.fulfilment import Fulfilment, InvoiceType, Package
from orders_sync.domain.invoice_number import may_be_same_number, to_vtex_number
from orders_sync.domain.rules import Group, group_of
from orders_sync.domain.steps import Step


class InvoiceBody(ParcelBody):
    """An invoice, of the whole order where `items` and `value_cents` are left out.

    `type` is Output for a sale and Input for a return. `value_cents` counts freight in. `number`
    may be as the ERP has it: what VTEX's routes do not survive is taken out of it on the way.
    """

    number: Number = Field(description="The invoice's number.")
    type: InvoiceType = Field("Output", description="Input: a return.")
    issued_at: Moment | None = Field(
        None, description="As 2026-11-27T12:00:00-03:00; now if left out."
    )
    value_cents: Count | None = Field(
        None, description="With freight and taxes; what is left of the order otherwise."
    )
    items: tuple[Quantity, ...] | None = None
    access_key: Text | None = Field(None, description="Its key at the tax office.")
    url: Text | None = Field(None, description="Where it can be read.")
    embedded_invoice: File | None = Field(None, repr=False)
    cfop: Text | None = Field(None, description="Brazil's code of the operation.")

    @field_validator("number")
    @classmethod
    def _survives(cls, value: str) -> str:
        return require_writable(value)

    @model_validator(mode="after")
    def _is_of_something(self) -> Self:
        if self.items == () and self.value_cents is None:
            raise ValueError("without items, give value_cents")
        return self

    @property
    def own_key(self) -> str:
        """Its number: an invoice exists once."""
        return self.vtex_number

    @property
    def vtex_number(self) -> str:
        """Its number as VTEX has it."""
        return to_vtex_number(self.number)

    @property
    def is_rest(self) -> bool:
        """Whether its value and items are whatever is left of the order."""
        return self.value_cents is None and self.items is None


#: Issue times that are further apart are of two days, by whatever offset VTEX took them.
_DAY: Final = timedelta(days=1)

_WAITS: Final = {
    Group.INCOMPLETE: "the order is not complete in VTEX",
    Group.BEFORE: "the order is not ready for handling",
    Group.READY: "handling has not started",
    Group.REQUESTED: "a cancellation was requested and is not decided",
    Group.CANCELLING: "VTEX is cancelling the order",
    Group.UNKNOWN: "the order's status is not known",
}


def judge_invoice(body: InvoiceBody, order: Fulfilment, known: Known) -> Verdict:
    """Judge an invoice against the order and what else was sent for it.

    What VTEX took, or may have taken, counts as invoiced before the order shows it.
    https://developers.vtex.com/docs/api-reference/orders-api#post-/api/oms/pvt/orders/-orderId-/invoice
    """
    number = body.vtex_number
    standing = known.packages_of(order, body.number)
    if len(standing) > 1:
        return number_unclear(body.number, standing)
    if standing:
        return _judge_repeat(body, order, known, standing[0])
    wait = _wait_for_the_same(number, order, known)
    if wait is not None:
        return wait
    refusal = _by_status(body, order, known)
    if refusal is not None:
        return refusal
    judge = _judge_return if body.type == "Input" else _judge_sale
    return judge(body, order, known, number)


def _judge_repeat(body: InvoiceBody, order: Fulfilment, known: Known, standing: Package) -> Verdict:
    """Judge an invoice whose number VTEX has: VTEX corrects nothing of it but its tracking."""
    if standing.type != body.type or body.value_cents not in {None, standing.value_cents}:
        return NotAllowed(
            "invoice.number_taken",
            f"Invoice {standing.invoice_number} is in VTEX as {standing.type} of "
            f"{standing.value_cents} cents.",
            "VTEX corrects no invoice under the same number: send it under another one.",
        )
    already_so = AlreadyInVtex(f"invoice {standing.invoice_number} is in VTEX")
    own, sent = known.own_intent, known.sent_invoice(body.vtex_number)
    is_own = own is not None and own.kind == "invoice" and not own.is_edited
    if is_own or (sent is not None and sent.body is not None and _repeats(body, sent.body)):
        return already_so
    differing = _differing(body, standing, order)
    if body.embedded_invoice and not (
        sent and sent.body and sent.body.embedded_invoice == body.embedded_invoice
    ):
        # VTEX does not show it, so it may be another.
        differing.append("embedded_invoice")
    if differing:
        fields = ", ".join(differing)
        return NotAllowed(
            "invoice.differs",
            f"Invoice {standing.invoice_number} is in VTEX with another {fields}.",
            "VTEX corrects no invoice: send it under another number, or discard the command.",
        )
    if body.tracking_number and standing.tracking_number not in {None, "", body.tracking_number}:
        return NotAllowed(
            "invoice.tracking_differs",
            f"Invoice {standing.invoice_number} is in VTEX with another tracking number.",
            "If this one is right, send it as tracking: orders-sync track.",
        )
    parcel = body.model_dump(include=set(ParcelBody.model_fields), exclude_none=True)
    if not parcel:
        return already_so
    if not (body.tracking_number or standing.tracking_number):
        return NotAllowed(
            "tracking.number_missing",
            f"Invoice {standing.invoice_number} is in VTEX without a tracking number, and VTEX "
            "takes no other word of a parcel before it has one.",
            "Send it again with its tracking_number, or discard the command.",
        )
    parcel = {"tracking_number": standing.tracking_number, **parcel}
    tracking = TrackBody(invoice_number=body.number, **parcel)
    return judge_parcel(tracking, standing, order.zone, known)


def _repeats(body: InvoiceBody, sent: InvoiceBody) -> bool:
    """Check whether an invoice says nothing but what was sent before."""
    given = body.model_dump(exclude={"number"}, exclude_none=True)
    return given.items() <= sent.model_dump(exclude_none=True).items()


def _differing(body: InvoiceBody, standing: Package, order: Fulfilment) -> list[str]:
    """Name the fields that are given and are not what VTEX has, as far as it shows them."""
    fields = ("access_key", "url", "cfop")
    differing = [f for f in fields if getattr(body, f) not in {None, getattr(standing, f)}]
    issued = standing.issued_at
    if body.issued_at and issued and abs(body.issued_at - issued) > _DAY:
        # VTEX may have taken the time by another offset, so only the day is looked at.
        differing.append("issued_at")
    if body.items and standing.items and not _are_of(standing, body.items, order):
        differing.append("items")
    return differing


def _are_of(package: Package, items: Sequence[Quantity], order: Fulfilment) -> bool:
    """Check whether a package has these items, at the prices that are given."""
    by_index = {line.index: line.sku for line in order.lines}
    shown: Counter[str] = Counter()
    prices: dict[str, int] = {}
    for part in package.items:
        sku = part.sku or by_index.get(-1 if part.index is None else part.index, "")
        shown[sku] += part.quantity
        prices[sku] = part.price_cents
    asked: Counter[str] = Counter()
    for item in items:
        lines = order.lines_of(item.line_id, item.sku)
        sku = lines[0].sku if lines else ""
        asked[sku] += item.quantity
        if item.price_cents not in {None, prices.get(sku)}:
            return False
    return asked == shown


def _wait_for_the_same(number: str, order: Fulfilment, known: Known) -> Wait | None:
    """Return the wait until it is known whether VTEX has this very invoice."""
    own = known.own_intent
    if own is not None and (own.number is None or order.package(own.number) is None):
        wait = known.wait_for_own()
        if wait is not None:
            return wait
    sent = known.sent_invoice(number)
    return known.wait_until_shown(
        f"another command's invoice {number} does not show in VTEX yet",
        sent.sent_at if sent else None,
        *(
            intent.at
            for intent in known.open_intents("invoice")
            if may_be_same_number(intent.number or "", number)
        ),
    )


def _by_status(body: InvoiceBody, order: Fulfilment, known: Known) -> Wait | NotAllowed | None:
    group = group_of(order.status, is_completed=order.is_completed)
    # A marketplace order falls back to payment-approved between its partial invoices.
    between_parts = group is Group.BEFORE and bool(order.packages)
    if group is Group.CANCELLED:
        return NotAllowed(
            "invoice.order_cancelled",
            f"The order is {order.status}; VTEX takes no invoice for it.",
            "Cancel the invoice in the ERP; discard this command.",
        )
    if group in _WAITS and not between_parts:
        return Wait(_WAITS[group])
    if order.status == "start-handling":
        return Wait("VTEX is starting to handle the order", 5)
    if known.is_changing:
        return Wait("a change of the order is not finished", 10)
    if body.type == "Input":
        return None
    if known.is_cancelling:
        return Wait("a cancellation was asked for and is not decided", 10)
    return wait_for_cancellation(known) or wait_for_changes(order, known)


def _judge_sale(body: InvoiceBody, order: Fulfilment, known: Known, number: str) -> Verdict:
    if order.value_cents <= 0:
        return NotAllowed(
            "invoice.worth_nothing",
            "The order is worth nothing, and VTEX takes no invoice of nothing.",
            "Close the order in VTEX's Admin, then discard the command.",
        )
    foreseen = foresee(order, known, "Output", but=number)
    order, remaining = foreseen.order, foreseen.order.remaining_cents
    if remaining <= 0 or (body.value_cents or 0) > remaining:
        return _too_much(order, number, body.value_cents, remaining)
    if foreseen.wait is not None:
        return foreseen.wait
    chosen = everything_left(order) if body.items is None else choose(body.items, order)
    if isinstance(chosen, NotAllowed):
        return chosen
    if not (chosen.items or chosen.is_rest):
        return NotAllowed(
            "invoice.without_items",
            f"Invoice {number} names no items, and the order has some left.",
            "Leave items out for all that is left, or name them.",
        )
    value = body.value_cents or (remaining if chosen.is_rest else chosen.value_cents)
    if value <= 0:
        return NotAllowed(
            "invoice.worth_nothing",
            f"What invoice {number} names costs nothing, and VTEX takes no invoice of nothing.",
            "Invoice these pieces together with others, then discard the command.",
        )
    if value > remaining:
        return _too_much(order, number, value, remaining)
    left = remaining - value if chosen.is_rest else 0
    return _send(body, number, value, chosen.items, known, left_cents=left)


def _judge_return(body: InvoiceBody, order: Fulfilment, known: Known, number: str) -> Verdict:
    """Judge a return; without items it is money without goods, such as freight paid back."""
    if order.remaining_cents > 0:
        # VTEX refunds nothing before the whole order was invoiced.
        return Wait("the order is not fully invoiced, so VTEX would refund nothing", 60)
    if body.items is None and body.value_cents is None:
        return NotAllowed(
            "invoice.return_without_items",
            "A return needs its items or its value: VTEX refunds what it says.",
            "Give items with line_id or sku and quantity, or value_cents for money without goods.",
        )
    foreseen = foresee(order, known, "Input", but=number)
    order = foreseen.order
    chosen = choose(body.items or (), order, returned=True)
    if isinstance(chosen, NotAllowed):
        return chosen
    value_cents = body.value_cents or chosen.value_cents
    if order.returned_cents + value_cents > order.invoiced_cents:
        return NotAllowed(
            "invoice.over_returned",
            f"Return {number} of {value_cents} cents is more than the {order.invoiced_cents} cents "
            f"invoiced less the {order.returned_cents} cents returned before.",
            "Correct the return's value or items, then retry.",
        )
    if value_cents <= 0:
        return NotAllowed(
            "invoice.worth_nothing",
            f"What return {number} names cost nothing, and VTEX refunds nothing.",
            "Give value_cents if money goes back all the same, or discard the command.",
        )
    return foreseen.wait or _send(body, number, value_cents, chosen.items, known)


def _too_much(
    order: Fulfilment, number: str, asked_cents: int | None, remaining: int
) -> NotAllowed:
    left_cents = max(remaining, 0)
    return NotAllowed(
        "invoice.over_invoiced",
        f"Nothing of the order's {order.value_cents} cents is left for invoice {number}."
        if asked_cents is None
        else f"Invoice {number} asks for {asked_cents} cents, and {left_cents} of the order's "
        f"{order.value_cents} cents are left to invoice.",
        "Correct the value (it counts freight in), or discard the command.",
    )


def _send(
    body: InvoiceBody,
    number: str,
    value: int,
    items: tuple[Quantity, ...],
    known: Known,
    *,
    left_cents: int = 0,
) -> Send[InvoiceBody]:
    whole = body.model_copy(
        update={
            "number": number,
            "issued_at": body.issued_at or known.now,
            "value_cents": value,
            "items": items,
        }
    )
    remark = None
    if left_cents:
        remark = (
            f"All pieces are invoiced, {left_cents} cents are not, and VTEX keeps the order open. "
            "Send one more invoice with these as its value_cents and no items."
        )
    return Send(whole, Intent("invoice", known.now, number, value, content=body.type), remark)


INVOICE: Final = Kind(
    name="invoice",
    noun="invoice",
    collection="invoices",
    summary="Send an invoice to VTEX.",
    body=InvoiceBody,
    example={"number": "000123", "access_key": "35261100000000000000"},
    argument="invoice",
    step=Step.SEND_INVOICE,
    operations=("get_order", "invoice"),
    line=GOODS,
    judge=judge_invoice,
)
