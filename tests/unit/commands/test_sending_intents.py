"""What may be sent while it is not known what became of an earlier write, as tables.

VTEX shows an effect within 30 s; a wait lasts exactly until then.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support.fulfilments import (
    NOTHING_KNOWN,
    NOW,
    ORDER,
    intent,
    known,
    outcome,
    package,
    sale,
    seconds_ago,
)

from orders_sync.commands.change import ChangeBody, judge_change
from orders_sync.commands.invoice import InvoiceBody, judge_invoice
from orders_sync.commands.verdicts import (
    AlreadyInVtex,
    DoneChange,
    Intent,
    Known,
    NotAllowed,
    Send,
    SentInvoice,
)
from orders_sync.domain.fulfilment import (
    AppliedChange,
    ChangedItem,
    Fulfilment,
)

PART = {"items": [{"sku": "A", "quantity": 1}], "value_cents": 500}
INVOICED = replace(ORDER, status="invoiced", packages=(package("S", 1300),))


def invoice(**body: Any) -> InvoiceBody:
    return InvoiceBody.model_validate({"number": "1", **body})


B = {"sku": "B", "quantity": 1}


def applied(reason: str, *, removed: tuple[Any, ...] = ()) -> AppliedChange:
    return AppliedChange(reason, 0, 0, (), removed, "VTEX's own", NOW)


@pytest.mark.parametrize(
    ("body", "order", "own", "expected"),
    [
        pytest.param({}, ORDER, sale(0, "1"), 30, id="just now"),
        pytest.param({}, ORDER, sale(29, "1"), 1, id="a second is left"),
        pytest.param({}, ORDER, sale(30, "1"), Send, id="VTEX would show it by now"),
        pytest.param({}, INVOICED, sale(1, "S"), NotAllowed, id="sent as S before it was edited"),
        pytest.param({"number": "S"}, INVOICED, sale(1, "S"), AlreadyInVtex, id="VTEX shows it"),
        pytest.param({}, ORDER, sale(1, "S"), 29, id="S does not show and may be there"),
    ],
)
def test_an_invoice_whose_answer_was_lost(
    body: dict[str, Any], order: Fulfilment, own: Intent, expected: object
) -> None:
    assert outcome(judge_invoice(invoice(**body), order, known(own_intent=own))) == expected


@pytest.mark.parametrize(
    ("body", "facts", "expected"),
    [
        pytest.param({}, {"intents": [sale(10)]}, 20, id="the rest waits for an open invoice"),
        pytest.param({}, {"intents": [sale(30)]}, Send, id="which did not come"),
        pytest.param(
            {"items": PART["items"]}, {"intents": [sale(10)]}, 20, id="no value but VTEX's"
        ),
        pytest.param({"value_cents": 5}, {"intents": [sale(10)]}, 20, id="no items but VTEX's"),
        pytest.param(
            PART, {"intents": [sale(10, value=800)]}, 20, id="room, but its pieces may be taken"
        ),
        pytest.param(PART, {"intents": [sale(10, value=801)]}, 20, id="there may be no room"),
        pytest.param(PART, {"intents": [sale(30, value=801)]}, Send, id="there is room after all"),
        pytest.param(
            {**PART, "value_cents": 1301}, {"intents": [sale(10)]}, NotAllowed, id="never any room"
        ),
        pytest.param(
            PART,
            {"intents": [sale(10, value=700), sale(5, "3", 700)]},
            25,
            id="the last of two that are open",
        ),
        pytest.param(PART, {"intents": [sale(10, "1", 1)]}, 20, id="the same number elsewhere"),
        pytest.param(
            {}, {"sent_invoices": {"2": SentInvoice(500, seconds_ago(9))}}, 21, id="one was sent"
        ),
        pytest.param(
            PART, {"sent_invoices": {"2": SentInvoice(801, NOW)}}, NotAllowed, id="no room for sure"
        ),
        pytest.param(
            {**PART, "value_cents": 800},
            {"sent_invoices": {"2": SentInvoice(500, NOW, read_body=lambda: invoice(items=[B]))}},
            Send,
            id="room beside one of other pieces that was sent",
        ),
        pytest.param(
            {**PART, "items": [B]},
            {"sent_invoices": {"2": SentInvoice(200, NOW, read_body=lambda: invoice(items=[B]))}},
            NotAllowed,
            id="the same piece was sent",
        ),
        pytest.param(
            PART,
            {
                "sent_invoices": {
                    "2": SentInvoice(500, NOW, read_body=lambda: invoice(value_cents=500))
                }
            },
            30,
            id="one of pieces that VTEX knows alone",
        ),
        pytest.param(PART, {"intents": [intent("cancel", 4)]}, 26, id="an open cancellation"),
        pytest.param(PART, {"intents": [intent("cancel", 30)]}, Send, id="which never came"),
        pytest.param(PART, {"cancelled_at": seconds_ago(4)}, 26, id="a cancellation that was sent"),
        pytest.param(PART, {"intents": [intent("change", 3)]}, 27, id="an open change"),
        pytest.param(
            PART, {"done_changes": [DoneChange("r", seconds_ago(2))]}, 28, id="a change just done"
        ),
        pytest.param(
            PART, {"done_changes": [DoneChange("r", seconds_ago(30))]}, Send, id="one of long ago"
        ),
        pytest.param(PART, {"intents": [intent("track", 1, number="2")]}, Send, id="tracking"),
    ],
)
def test_an_invoice_beside_what_may_have_been_sent(
    body: dict[str, Any], facts: dict[str, Any], expected: object
) -> None:
    assert outcome(judge_invoice(invoice(**body), ORDER, known(**facts))) == expected


def test_the_rest_is_what_an_invoice_leaves_that_vtex_took_and_never_showed() -> None:
    facts = known(sent_invoices={"2": SentInvoice(500, seconds_ago(30))})

    verdict = judge_invoice(invoice(), ORDER, facts)

    assert isinstance(verdict, Send)
    assert verdict.what.value_cents == 800
    assert verdict.intent == Intent("invoice", NOW, "1", 800, "Output")


def test_an_open_invoice_that_vtex_shows_is_counted_once() -> None:
    order = replace(ORDER, packages=(package("2", 500),))
    body = invoice(**{**PART, "value_cents": 800})

    assert isinstance(judge_invoice(body, order, known(intents=[sale(1)])), Send)


@pytest.mark.parametrize(
    ("reasons", "expected"),
    [
        pytest.param(["weighed"], Send, id="VTEX shows it"),
        pytest.param(["another"], 28, id="VTEX shows another"),
        pytest.param([], 28, id="VTEX shows none"),
    ],
)
def test_an_invoice_after_a_change_waits_until_the_order_shows_it(
    reasons: list[str], expected: object
) -> None:
    order = replace(ORDER, changes=tuple(map(applied, reasons)))
    facts = known(done_changes=[DoneChange("weighed", seconds_ago(2))])

    assert outcome(judge_invoice(invoice(), order, facts)) == expected


def test_each_of_two_changes_for_one_reason_has_to_show() -> None:
    order = replace(ORDER, changes=(applied("weighed"),))
    done = [DoneChange("weighed", seconds_ago(20)), DoneChange("weighed", seconds_ago(5))]

    assert outcome(judge_invoice(invoice(), order, known(done_changes=done))) == 25


@pytest.mark.parametrize(
    ("value", "facts", "expected"),
    [
        pytest.param(500, {}, Send, id="nothing else comes back"),
        pytest.param(
            900,
            {"intents": [intent("invoice", 9, number="R", value_cents=500, content="Input")]},
            21,
            id="another return may be in VTEX",
        ),
        pytest.param(
            900,
            {"intents": [intent("invoice", 30, number="R", value_cents=500, content="Input")]},
            Send,
            id="which never came",
        ),
        pytest.param(
            900,
            {"sent_invoices": {"R": SentInvoice(500, NOW, "Input")}},
            NotAllowed,
            id="another return is in VTEX",
        ),
        pytest.param(900, {"intents": [intent("cancel", 1)]}, Send, id="cancellations are past"),
    ],
)
def test_returns_give_nothing_back_twice(
    value: int, facts: dict[str, Any], expected: object
) -> None:
    body = invoice(type="Input", items=[{"sku": "A", "quantity": 1}], value_cents=value)

    assert outcome(judge_invoice(body, INVOICED, known(**facts))) == expected


CHANGE = ChangeBody.model_validate({"reason": "r", "remove": [{"sku": "B", "quantity": 1}]})


def own_change(age: float) -> Intent:
    sent = judge_change(CHANGE, ORDER, NOTHING_KNOWN)
    assert isinstance(sent, Send)
    return replace(sent.intent, at=seconds_ago(age))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param({"sent_invoices": {"1": SentInvoice(1, seconds_ago(0.5))}}, 29.5, id="unseen"),
        pytest.param({"sent_invoices": {"1": SentInvoice(1, seconds_ago(30))}}, Send, id="old"),
        pytest.param({"sent_invoices": {"S": SentInvoice(9, NOW)}}, Send, id="a shown invoice"),
        pytest.param({"intents": [sale(3)]}, 27, id="an open invoice"),
        pytest.param({"intents": [sale(3, "S")]}, Send, id="an open invoice that shows"),
        pytest.param({"intents": [intent("cancel", 3)]}, 27, id="an open cancellation"),
        pytest.param({"cancelled_at": seconds_ago(3)}, 27, id="a cancellation that was sent"),
        pytest.param({"intents": [intent("change", 3)]}, 27, id="another open change"),
        pytest.param({"done_changes": [DoneChange("x", seconds_ago(3))]}, 27, id="a done change"),
        pytest.param({"intents": [sale(30), intent("cancel", 30)]}, Send, id="all of long ago"),
        pytest.param({"own_intent": own_change(3)}, 27, id="its own answer was lost"),
        pytest.param({"own_intent": own_change(30)}, Send, id="and it did not come"),
    ],
)
def test_a_change_beside_what_may_have_been_sent(facts: dict[str, Any], expected: object) -> None:
    order = replace(ORDER, packages=(package("S", 9),))

    assert outcome(judge_change(CHANGE, order, known(**facts))) == expected


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        pytest.param(ORDER.lines, "handling", id="its line lingers"),
        pytest.param((ORDER.lines[0], ORDER.lines[2]), "handling", id="its line is gone"),
        pytest.param(ORDER.lines, "invoiced", id="the order is closed since"),
    ],
)
def test_a_change_that_the_order_shows_is_not_sent_again(
    lines: tuple[Any, ...], status: str
) -> None:
    shown = applied("r", removed=(ChangedItem("B", 1, None),))
    order = replace(ORDER, lines=lines, status=status, changes=(shown,))

    assert outcome(judge_change(CHANGE, order, known(own_intent=own_change(3)))) is AlreadyInVtex


def test_an_edited_change_is_not_done_by_what_was_sent_before_the_edit() -> None:
    shown = applied("r", removed=(ChangedItem("B", 1, None),))
    order = replace(ORDER, lines=(ORDER.lines[0], ORDER.lines[2]), changes=(shown,))
    first, gone = {"line_id": "L0", "quantity": 1}, {"sku": "B", "quantity": 1}
    edited = ChangeBody.model_validate({"reason": "r", "remove": [first, gone]})
    rest = ChangeBody.model_validate({"reason": "r", "remove": [first]})
    facts = known(own_intent=replace(own_change(3), is_edited=True))

    assert outcome(judge_change(edited, order, facts)) is NotAllowed
    assert outcome(judge_change(rest, order, facts)) is Send


def test_another_commands_change_of_the_same_content_is_not_taken_for_its_own() -> None:
    order = replace(ORDER, changes=(applied("r", removed=(ChangedItem("B", 1, None),)),))
    facts = known(own_intent=own_change(3), done_changes=[DoneChange("r", seconds_ago(60))])

    assert outcome(judge_change(CHANGE, order, facts)) == 27


def test_how_long_vtex_may_take_is_a_setting() -> None:
    facts = Known(now=NOW, visible_after=timedelta(seconds=5), own_intent=sale(4, "1"))

    assert outcome(judge_invoice(invoice(), ORDER, facts)) == 1
