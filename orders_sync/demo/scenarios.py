"""The scenarios of a demo's orders, and the commands that the ERP writes for each. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random
from types import MappingProxyType
from typing import Any

from orders_sync.demo.records import AskedCommand, ErpOrder, ParcelEvent

_ISSUED_AT = "2026-11-27 12:00:00"
_COURIER = "Transportadora Ipê"
_DISCOUNT_CENTS = 100
_NOTES = 8

#: When the last event of every journey happened.
DELIVERED_AT = "2026-11-30 15:30:00"

_JOURNEY = (
    ParcelEvent("Objeto postado", "São Paulo", "SP", "2026-11-27"),
    ParcelEvent("Em trânsito", "Goiânia", "GO", "2026-11-28"),
    ParcelEvent("Entregue", "Belém", "PA", "2026-11-30"),
)


class Scenario(StrEnum):
    """What is asked for an order; all but cancelled ones are invoiced, tracked and delivered."""

    INVOICED = "invoiced"  # The ERP leaves the value to us.
    INVOICED_AS_TOLD = "invoiced as told"  # The ERP gives value and items.
    INVOICED_IN_PARTS = "invoiced in parts"
    TRACKED_ALONG = "tracked along"  # The invoice brings the tracking number.
    CHANGED = "changed"  # Before it is invoiced.
    CANCELLED = "cancelled"  # In place of an invoice.
    RETURNED = "returned"  # After it was invoiced.
    INVOICED_TOO_MUCH = "invoiced too much"  # A second invoice has to be refused.
    CANCELLED_TOO_LATE = "cancelled too late"  # It is invoiced, so that has to be refused.
    BESIDE_RUBBISH = "beside rubbish"  # One of its commands is no JSON.
    BESIDE_UNKNOWN_KIND = "beside unknown kind"  # One of its commands is of no kind.
    BY_SERVICE = "by service"  # Another service invoices and tracks it.
    NOTED_BY_SERVICE = "noted by service"  # That one writes into its timeline too.
    CANCELLED_BY_SERVICE = "cancelled by service"
    INVOICED_THEN_REST = "invoiced, then the rest"  # The second invoice takes what is left.
    TRACKING_CORRECTED = "tracking corrected"  # A second tracking number follows the first at once.
    CHANGED_TOO_LATE = "changed too late"  # Right behind an invoice of everything.
    INVOICED_OR_CANCELLED = "invoiced or cancelled"  # A cancellation right behind an invoice.
    CANCELLED_NOT_INVOICED = "cancelled, not invoiced"  # An invoice right behind a cancellation.
    EDITED_IN_ADMIN = "edited in the Admin"  # A person changes it, and the ERP is told of that.
    ASKED_MUCH = "asked much"  # A dozen commands at once.


#: Those that the ERP leaves to the other service.
OF_SERVICE = frozenset(
    {Scenario.BY_SERVICE, Scenario.NOTED_BY_SERVICE, Scenario.CANCELLED_BY_SERVICE}
)

#: The scenarios of forty orders; of the others there is one each, but none of the conflicts.
_ROUND = {
    Scenario.INVOICED: 7,
    Scenario.INVOICED_AS_TOLD: 7,
    Scenario.INVOICED_IN_PARTS: 6,
    Scenario.TRACKED_ALONG: 6,
    Scenario.BY_SERVICE: 4,
    Scenario.ASKED_MUCH: 0,
}

#: Commands of one order that are in each other's way, written at once and in this order.
CONFLICTS = (
    Scenario.INVOICED_THEN_REST,
    Scenario.TRACKING_CORRECTED,
    Scenario.CHANGED_TOO_LATE,
    Scenario.INVOICED_OR_CANCELLED,
    Scenario.CANCELLED_NOT_INVOICED,
)

DEMO_ROUND: Mapping[Scenario, int] = MappingProxyType(
    {scenario: 0 if scenario in CONFLICTS else _ROUND.get(scenario, 1) for scenario in Scenario}
)


def deal(random: Random, shares: Mapping[Scenario, int] = DEMO_ROUND) -> Iterator[Scenario]:
    """Deal scenarios without end, a shuffled round of their `shares` after the other."""
    while True:
        dealt = [scenario for scenario, share in shares.items() for _ in range(share)]
        random.shuffle(dealt)
        yield from dealt


@dataclass(frozen=True, slots=True)
class DraftCommand:
    """One row of `erp_commands`; `is_late` has it wait until the order's others are done."""

    asked: AskedCommand
    columns: Mapping[str, Any]
    is_late: bool = False


def draft_commands(
    scenario: Scenario, order: ErpOrder, number: str, random: Random
) -> list[DraftCommand]:
    """Return the ERP's commands for an order; `number` is the one of its invoice.

    All but the late ones are written at once, a change first and the others in any order: what
    has to be sent first is for us to know.
    """
    if scenario is Scenario.CANCELLED:
        return [_cancel(order)]
    if scenario in _IN_THIS_ORDER:
        return list(_IN_THIS_ORDER[scenario](order, number))
    drafts = [*_invoices(scenario, order, number, random), *_extra(scenario, order, number)]
    random.shuffle(drafts)
    return [_change(order), *drafts] if scenario is Scenario.CHANGED else drafts


def _invoices(
    scenario: Scenario, order: ErpOrder, number: str, random: Random
) -> Iterator[DraftCommand]:
    if scenario is Scenario.INVOICED_IN_PARTS:
        parcels = pack(order, random)
        for index, value in enumerate(share(order.value_cents, parcels)):
            items = [{"line_id": line, "quantity": n} for line, n in parcels[index].items()]
            part = f"{number}-{index + 1}"
            yield _invoice(order, part, {"items": items}, value_cents=value)
            yield from _tracking(order, part, random)
    elif scenario is Scenario.INVOICED_AS_TOLD:
        items = [{"line_id": line.line_id, "quantity": line.quantity} for line in order.lines]
        yield _invoice(order, number, {"items": items}, value_cents=order.value_cents)
        yield from _tracking(order, number, random)
    elif scenario is Scenario.TRACKED_ALONG:
        yield _invoice(order, number, courier=_COURIER, tracking_number=_code(number))
        yield from _events(order, number, draw_journey(random))
    else:
        yield _invoice(order, number)
        yield from _tracking(order, number, random)


def _invoiced_then_rest(order: ErpOrder, number: str) -> Iterator[DraftCommand]:
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


def _tracking_corrected(order: ErpOrder, number: str) -> Iterator[DraftCommand]:
    yield _invoice(order, number)
    yield _tracking_number(order, number, f"{_code(number)}X", is_superseded=True)
    yield _tracking_number(order, number, _code(number))


def _changed_too_late(order: ErpOrder, number: str) -> Iterator[DraftCommand]:
    yield _invoice(order, number)
    change = _change(order)
    yield replace(change, asked=replace(change.asked, is_impossible=True))


def _invoiced_or_cancelled(order: ErpOrder, number: str) -> Iterator[DraftCommand]:
    for draft in (_invoice(order, number), _cancel(order)):
        yield replace(draft, asked=replace(draft.asked, is_rival=True))


def _cancelled_not_invoiced(order: ErpOrder, number: str) -> Iterator[DraftCommand]:
    yield _cancel(order)
    invoice = _invoice(order, number)
    yield replace(invoice, asked=replace(invoice.asked, is_impossible=True))


def _asked_much(order: ErpOrder, number: str) -> Iterator[DraftCommand]:
    invoice, *rest = _invoiced_then_rest(order, number)
    first = invoice.asked.number or number
    yield invoice
    yield _tracking_number(order, first, f"{_code(number)}X", is_superseded=True)
    yield _tracking_number(order, first, _code(number))
    yield from rest
    for index in range(_NOTES):
        words = f"Nota {number}, linha {index}"
        yield _wish(order, "note", words=words, reason=None, message=words)


_IN_THIS_ORDER: Mapping[Scenario, Callable[[ErpOrder, str], Iterator[DraftCommand]]] = {
    Scenario.INVOICED_THEN_REST: _invoiced_then_rest,
    Scenario.TRACKING_CORRECTED: _tracking_corrected,
    Scenario.CHANGED_TOO_LATE: _changed_too_late,
    Scenario.INVOICED_OR_CANCELLED: _invoiced_or_cancelled,
    Scenario.CANCELLED_NOT_INVOICED: _cancelled_not_invoiced,
    Scenario.ASKED_MUCH: _asked_much,
}


def _extra(scenario: Scenario, order: ErpOrder, number: str) -> Iterator[DraftCommand]:
    if scenario is Scenario.RETURNED:
        items = [{"line_id": order.lines[0].line_id, "quantity": 1}]
        yield _return(order, f"{number}-R", items)
    elif scenario is Scenario.INVOICED_TOO_MUCH:
        value = order.value_cents + 1
        yield _impossible(order, "invoice", f"{number}-X", value_cents=value)
    elif scenario is Scenario.CANCELLED_TOO_LATE:
        yield _impossible(order, "cancel", reason="Sem estoque", is_late=True)
    elif scenario is Scenario.BESIDE_RUBBISH:
        yield _impossible(order, "invoice", f"{number}-X", body='{"items": [')
    elif scenario is Scenario.BESIDE_UNKNOWN_KIND:
        yield _impossible(order, "teleport", f"{number}-X")


def _invoice(
    order: ErpOrder, number: str, body: Mapping[str, Any] | None = None, **columns: Any
) -> DraftCommand:
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


def _return(order: ErpOrder, number: str, items: list[dict[str, Any]]) -> DraftCommand:
    asked = AskedCommand(order.order_id, "invoice", number, is_return=True)
    body = json.dumps({"type": "Input", "items": items})
    return DraftCommand(asked, {"invoice_number": number, "body": body}, is_late=True)


def _tracking(order: ErpOrder, number: str, random: Random) -> Iterator[DraftCommand]:
    first, *others = draw_journey(random)
    code = _code(number)
    asked = AskedCommand(order.order_id, "track", number, tracking_number=code, events=(first,))
    columns = {"courier": _COURIER, "tracking_number": code, "invoice_number": number}
    yield DraftCommand(asked, {**columns, "body": _events_body(first)})
    yield from _events(order, number, others)


def _events(order: ErpOrder, number: str, events: Sequence[ParcelEvent]) -> Iterator[DraftCommand]:
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
        yield DraftCommand(asked, {**columns, "body": _events_body(event)})


def _tracking_number(
    order: ErpOrder, number: str, code: str, *, is_superseded: bool = False
) -> DraftCommand:
    asked = AskedCommand(
        order.order_id, "track", number, tracking_number=code, is_superseded=is_superseded
    )
    columns = {"courier": _COURIER, "tracking_number": code, "invoice_number": number}
    return DraftCommand(asked, columns)


def _code(number: str) -> str:
    return f"BR{number}"


def _events_body(event: ParcelEvent) -> str:
    fields = ("description", "city", "state", "date")
    return json.dumps({"events": [{name: getattr(event, name) for name in fields}]})


def _cancel(order: ErpOrder) -> DraftCommand:
    return _wish(order, "cancel", words="Sem estoque")


def _change(order: ErpOrder) -> DraftCommand:
    """Take a piece out where a line has several, else grant a discount."""
    words = "Uma peça a menos"
    line = next((line for line in order.lines if line.quantity > 1), None)
    if line is not None:
        body: dict[str, Any] = {"remove": [{"line_id": line.line_id, "quantity": 1}]}
    else:
        words, body = "Desconto da loja", {"manual_discount_cents": _DISCOUNT_CENTS}
    return _wish(order, "change", body=body, words=words)


def _impossible(
    order: ErpOrder, kind: str, number: str | None = None, *, is_late: bool = False, **columns: Any
) -> DraftCommand:
    asked = AskedCommand(order.order_id, kind, number, is_impossible=True)
    return DraftCommand(asked, {"invoice_number": number, **columns}, is_late)


def _wish(
    order: ErpOrder,
    kind: str,
    number: str | None = None,
    body: Mapping[str, Any] | None = None,
    *,
    words: str | None = None,
    **columns: Any,
) -> DraftCommand:
    asked = AskedCommand(order.order_id, kind, number, words=words)
    written = None if body is None else json.dumps(body)
    return DraftCommand(
        asked, {"invoice_number": number, "body": written, "reason": words, **columns}
    )


def draw_journey(random: Random) -> tuple[ParcelEvent, ...]:
    """Draw what happens to a parcel, delivery last."""
    direct = (_JOURNEY[0], _JOURNEY[-1])
    return random.choice((direct, _JOURNEY))


def pack(order: ErpOrder, random: Random) -> list[Counter[str]]:
    """Part an order into two or three parcels, as pieces by line id; one piece makes one parcel."""
    pieces = [line.line_id for line in order.lines for _ in range(line.quantity)]
    parcels = min(random.choice((2, 3)), len(pieces))
    cuts = sorted(random.sample(range(1, len(pieces)), parcels - 1)) if parcels > 1 else []
    return [
        Counter(pieces[start:end])
        for start, end in zip([0, *cuts], [*cuts, len(pieces)], strict=True)
    ]


def share(cents: int, parts: Sequence[object]) -> list[int]:
    """Part a sum; the last part takes what does not divide."""
    part = cents // len(parts)
    return [part] * (len(parts) - 1) + [cents - part * (len(parts) - 1)]
