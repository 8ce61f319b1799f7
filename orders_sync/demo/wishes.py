"""What the ERP of a demo writes into `erp_commands` for an order. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from orders_sync.demo.fates import Fate
from orders_sync.demo.parcels import DELIVERED_AT, draw_journey, pack, share
from orders_sync.demo.records import AskedCommand, ErpOrder, ParcelEvent

_ISSUED_AT = "2026-11-27 12:00:00"
_COURIER = "Transportadora Ipê"
_DISCOUNT_CENTS = 100
_NOTES = 8


@dataclass(frozen=True, slots=True)
class Wish:
    """One row of `erp_commands`; `is_late` has it wait until the order's others are done."""

    asked: AskedCommand
    columns: Mapping[str, Any]
    is_late: bool = False


def wishes(fate: Fate, order: ErpOrder, number: str, random: Random) -> list[Wish]:
    """Say what the ERP wants for an order; `number` is the one of its invoice.

    All but the late ones are written at once, a change first and the others in any order: what
    has to be sent first is for us to know.
    """
    if fate is Fate.CANCELLED:
        return [_cancel(order)]
    if fate in _IN_THIS_ORDER:
        return list(_IN_THIS_ORDER[fate](order, number))
    found = [*_invoices(fate, order, number, random), *_extra(fate, order, number)]
    random.shuffle(found)
    return [_change(order), *found] if fate is Fate.CHANGED else found


def _invoices(fate: Fate, order: ErpOrder, number: str, random: Random) -> Iterator[Wish]:
    if fate is Fate.INVOICED_IN_PARTS:
        parcels = pack(order, random)
        for index, value in enumerate(share(order.value_cents, parcels)):
            items = [{"line_id": line, "quantity": n} for line, n in parcels[index].items()]
            part = f"{number}-{index + 1}"
            yield _invoice(order, part, {"items": items}, value_cents=value)
            yield from _tracking(order, part, random)
    elif fate is Fate.INVOICED_AS_TOLD:
        items = [{"line_id": one.line_id, "quantity": one.quantity} for one in order.lines]
        yield _invoice(order, number, {"items": items}, value_cents=order.value_cents)
        yield from _tracking(order, number, random)
    elif fate is Fate.TRACKED_ALONG:
        yield _invoice(order, number, courier=_COURIER, tracking_number=_code(number))
        yield from _events(order, number, draw_journey(random))
    else:
        yield _invoice(order, number)
        yield from _tracking(order, number, random)


def _invoiced_then_rest(order: ErpOrder, number: str) -> Iterator[Wish]:
    """Invoice a third of the value with the first piece, then whatever is left."""
    if sum(line.quantity for line in order.lines) == 1:
        yield _invoice(order, number)
        return
    value = order.value_cents // 3
    items = [{"line_id": order.lines[0].line_id, "quantity": 1}]
    first = _invoice(order, f"{number}-1", {"items": items}, value_cents=value)
    yield replace(first, asked=replace(first.asked, value_cents=value))
    rest = _invoice(order, f"{number}-2")
    yield replace(rest, asked=replace(rest.asked, value_cents=order.value_cents - value))


def _tracking_corrected(order: ErpOrder, number: str) -> Iterator[Wish]:
    yield _invoice(order, number)
    yield _tracking_number(order, number, f"{_code(number)}X", is_superseded=True)
    yield _tracking_number(order, number, _code(number))


def _changed_too_late(order: ErpOrder, number: str) -> Iterator[Wish]:
    yield _invoice(order, number)
    change = _change(order)
    yield replace(change, asked=replace(change.asked, is_impossible=True))


def _invoiced_or_cancelled(order: ErpOrder, number: str) -> Iterator[Wish]:
    for wish in (_invoice(order, number), _cancel(order)):
        yield replace(wish, asked=replace(wish.asked, is_rival=True))


def _cancelled_not_invoiced(order: ErpOrder, number: str) -> Iterator[Wish]:
    yield _cancel(order)
    invoice = _invoice(order, number)
    yield replace(invoice, asked=replace(invoice.asked, is_impossible=True))


def _asked_much(order: ErpOrder, number: str) -> Iterator[Wish]:
    invoice, *rest = _invoiced_then_rest(order, number)
    first = invoice.asked.number or number
    yield invoice
    yield _tracking_number(order, first, f"{_code(number)}X", is_superseded=True)
    yield _tracking_number(order, first, _code(number))
    yield from rest
    for index in range(_NOTES):
        words = f"Nota {number}, linha {index}"
        yield _wish(order, "note", words=words, reason=None, message=words)


_IN_THIS_ORDER: Mapping[Fate, Callable[[ErpOrder, str], Iterator[Wish]]] = {
    Fate.INVOICED_THEN_REST: _invoiced_then_rest,
    Fate.TRACKING_CORRECTED: _tracking_corrected,
    Fate.CHANGED_TOO_LATE: _changed_too_late,
    Fate.INVOICED_OR_CANCELLED: _invoiced_or_cancelled,
    Fate.CANCELLED_NOT_INVOICED: _cancelled_not_invoiced,
    Fate.ASKED_MUCH: _asked_much,
}


def _extra(fate: Fate, order: ErpOrder, number: str) -> Iterator[Wish]:
    if fate is Fate.RETURNED:
        items = [{"line_id": order.lines[0].line_id, "quantity": 1}]
        yield _return(order, f"{number}-R", items)
    elif fate is Fate.INVOICED_TOO_MUCH:
        value = order.value_cents + 1
        yield _impossible(order, "invoice", f"{number}-X", value_cents=value)
    elif fate is Fate.CANCELLED_TOO_LATE:
        yield _impossible(order, "cancel", reason="Sem estoque", is_late=True)
    elif fate is Fate.BESIDE_RUBBISH:
        yield _impossible(order, "invoice", f"{number}-X", body='{"items": [')
    elif fate is Fate.BESIDE_UNKNOWN_KIND:
        yield _impossible(order, "teleport", f"{number}-X")


def _invoice(
    order: ErpOrder, number: str, body: Mapping[str, Any] | None = None, **columns: Any
) -> Wish:
    """Invoice under a key of the ERP's own; other commands go without one."""
    return _wish(
        order,
        "invoice",
        number,
        body,
        issued_at=_ISSUED_AT,
        command_key=f"invoice-{number}",
        **columns,
    )


def _return(order: ErpOrder, number: str, items: list[dict[str, Any]]) -> Wish:
    asked = AskedCommand(order.order_id, "invoice", number, is_return=True)
    body = json.dumps({"type": "Input", "items": items})
    return Wish(asked, {"invoice_number": number, "body": body}, is_late=True)


def _tracking(order: ErpOrder, number: str, random: Random) -> Iterator[Wish]:
    first, *others = draw_journey(random)
    code = _code(number)
    asked = AskedCommand(order.order_id, "track", number, tracking_number=code, events=(first,))
    columns = {"courier": _COURIER, "tracking_number": code, "invoice_number": number}
    yield Wish(asked, {**columns, "body": _events_body(first)})
    yield from _events(order, number, others)


def _events(order: ErpOrder, number: str, events: Sequence[ParcelEvent]) -> Iterator[Wish]:
    for index, event in enumerate(events, start=1):
        is_last = index == len(events)
        asked = AskedCommand(
            order.order_id,
            "track",
            number,
            tracking_number=_code(number),
            events=(event,),
            is_delivered=is_last,
        )
        delivered_at = DELIVERED_AT if is_last else None
        columns = {"invoice_number": number, "delivered_at": delivered_at}
        yield Wish(asked, {**columns, "body": _events_body(event)})


def _tracking_number(
    order: ErpOrder, number: str, code: str, *, is_superseded: bool = False
) -> Wish:
    asked = AskedCommand(
        order.order_id, "track", number, tracking_number=code, is_superseded=is_superseded
    )
    columns = {"courier": _COURIER, "tracking_number": code, "invoice_number": number}
    return Wish(asked, columns)


def _code(number: str) -> str:
    return f"BR{number}"


def _events_body(event: ParcelEvent) -> str:
    fields = ("description", "city", "state", "date")
    return json.dumps({"events": [{name: getattr(event, name) for name in fields}]})


def _cancel(order: ErpOrder) -> Wish:
    return _wish(order, "cancel", words="Sem estoque")


def _change(order: ErpOrder) -> Wish:
    """Take a piece out where a line has several, else grant a discount."""
    words = "Uma peça a menos"
    line = next((one for one in order.lines if one.quantity > 1), None)
    if line is not None:
        body: dict[str, Any] = {"remove": [{"line_id": line.line_id, "quantity": 1}]}
    else:
        words, body = "Desconto da loja", {"manual_discount_cents": _DISCOUNT_CENTS}
    return _wish(order, "change", body=body, words=words)


def _impossible(
    order: ErpOrder, kind: str, number: str | None = None, *, is_late: bool = False, **columns: Any
) -> Wish:
    asked = AskedCommand(order.order_id, kind, number, is_impossible=True)
    return Wish(asked, {"invoice_number": number, **columns}, is_late)


def _wish(
    order: ErpOrder,
    kind: str,
    number: str | None = None,
    body: Mapping[str, Any] | None = None,
    *,
    words: str | None = None,
    **columns: Any,
) -> Wish:
    asked = AskedCommand(order.order_id, kind, number, words=words)
    written = None if body is None else json.dumps(body)
    return Wish(asked, {"invoice_number": number, "body": written, "reason": words, **columns})
