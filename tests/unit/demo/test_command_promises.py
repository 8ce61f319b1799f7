from __future__ import annotations

from dataclasses import replace

import pytest
from unit.demo.evidence_makers import (
    ANSWERS,
    ARRIVED,
    PACKAGE,
    POSTED,
    UNTOUCHED,
    asked_for,
    broken,
    erp,
    judged,
    vtex,
)

from orders_sync.demo.records import AskedCommand, CommandAnswer, VtexOrder, VtexPackage

RETURN = VtexPackage("7-R", is_return=True, value_cents=500, refund_cents=500)
RETURN_ASKED = AskedCommand("1-01", "invoice", "7-R", is_return=True)
IMPOSSIBLE = AskedCommand("1-01", "invoice", "7-X", is_impossible=True, row=4)
REFUSED = CommandAnswer("refused", "too much")


@pytest.mark.parametrize(
    "order",
    [
        pytest.param(vtex(value_cents=1201), id="a cent is not invoiced"),
        pytest.param(vtex(packages=()), id="the invoice is missing"),
        pytest.param(vtex(status="handling"), id="VTEX has not counted it"),
        pytest.param(vtex(packages=(PACKAGE, replace(PACKAGE, number="8"))), id="nobody asked"),
    ],
)
def test_invoices_that_do_not_sum_to_the_order_break_a_promise(order: VtexOrder) -> None:
    assert "invoices_add_up" in broken(judged((order,)))


def test_an_order_that_nobody_invoices_breaks_a_promise() -> None:
    order = vtex(status="handling", packages=())

    verdicts = judged((order,), asked=(), answers={})

    assert "invoices_add_up" in broken(verdicts)


def test_parts_that_sum_to_the_order_and_a_return_keep_every_promise() -> None:
    first = replace(PACKAGE, value_cents=700)
    second = VtexPackage("8", is_return=False, value_cents=500)
    order = vtex(packages=(first, second, RETURN))
    asked = (*asked_for(), AskedCommand("1-01", "invoice", "8"), RETURN_ASKED)

    assert broken(judged((order,), asked=asked)) == set()


@pytest.mark.parametrize(
    "order",
    [
        pytest.param(vtex(doubled=("cancel 2 times",)), id="what the sandbox counts"),
        pytest.param(vtex(packages=(PACKAGE, PACKAGE)), id="an invoice"),
        pytest.param(vtex(packages=(PACKAGE, RETURN, RETURN)), id="a refund"),
        pytest.param(
            vtex(packages=(PACKAGE, RETURN, replace(RETURN, number="8-R"))), id="under a new number"
        ),
        pytest.param(
            vtex(packages=(PACKAGE, replace(RETURN, refund_cents=1000))), id="a sum paid back"
        ),
    ],
)
def test_what_takes_effect_twice_breaks_a_promise(order: VtexOrder) -> None:
    assert "nothing_twice" in broken(judged((order,), asked=(*asked_for(), RETURN_ASKED)))


def test_a_note_may_stand_twice_because_vtex_cannot_be_asked_for_it() -> None:
    assert broken(judged((vtex(doubled=("interaction 2 times",)),))) == set()


@pytest.mark.parametrize(
    "order",
    [
        pytest.param(vtex(status="canceled"), id="it is cancelled"),
        pytest.param(vtex(status="cancellation-requested"), id="it is about to be"),
        pytest.param(vtex(cancel_requests=1), id="it was asked for"),
    ],
)
def test_an_order_with_an_invoice_and_a_cancellation_breaks_a_promise(order: VtexOrder) -> None:
    assert "no_cancel_after_invoice" in broken(judged((order,)))


def test_an_order_that_was_cancelled_in_place_of_an_invoice_breaks_nothing() -> None:
    order = vtex("2-01", status="canceled", cancel_requests=2, **UNTOUCHED)
    asked = (*asked_for(), AskedCommand("2-01", "cancel", words="Sem estoque", row=4))
    answers = {**ANSWERS, 4: CommandAnswer("done", None)}

    verdicts = judged((vtex(), order), (erp(), erp("2-01")), asked=asked, answers=answers)

    assert broken(verdicts) == set()
    assert verdicts["no_cancel_after_invoice"].why.startswith("1 order was cancelled")


@pytest.mark.parametrize(
    "order",
    [
        pytest.param(vtex(packages=(replace(PACKAGE, events=(POSTED,)),)), id="one is missing"),
        pytest.param(
            vtex(packages=(replace(PACKAGE, events=(ARRIVED, POSTED)),)), id="in another order"
        ),
        pytest.param(
            vtex(packages=(replace(PACKAGE, events=(POSTED, ARRIVED, ARRIVED)),)), id="one twice"
        ),
        pytest.param(vtex(packages=(replace(PACKAGE, is_delivered=False),)), id="not finished"),
        pytest.param(
            vtex(packages=(replace(PACKAGE, tracking_number="BR8"),)), id="of another parcel"
        ),
        pytest.param(vtex(packages=()), id="without an invoice"),
        pytest.param(vtex(tracked_at=12.9), id="before the invoice"),
        pytest.param(vtex(invoiced_at=None), id="and no invoice ever took effect"),
    ],
)
def test_tracking_that_is_not_as_it_was_told_breaks_a_promise(order: VtexOrder) -> None:
    assert "tracking_in_order" in broken(judged((order,)))


@pytest.mark.parametrize(
    ("answer", "order"),
    [
        pytest.param(None, vtex(), id="it was not answered"),
        pytest.param(CommandAnswer("done", None), vtex(), id="it was done"),
        pytest.param(CommandAnswer("refused", None), vtex(), id="nobody said why"),
        pytest.param(
            REFUSED, vtex(packages=(PACKAGE, VtexPackage("7-X", False, 1))), id="it had its effect"
        ),
    ],
)
def test_what_cannot_be_and_is_not_refused_breaks_a_promise(
    answer: CommandAnswer | None, order: VtexOrder
) -> None:
    answers = ANSWERS if answer is None else {**ANSWERS, 4: answer}

    verdicts = judged((order,), asked=(*asked_for(), IMPOSSIBLE), answers=answers)

    assert "refusals_answered" in broken(verdicts)


def test_what_cannot_be_and_is_refused_breaks_nothing() -> None:
    verdicts = judged(asked=(*asked_for(), IMPOSSIBLE), answers={**ANSWERS, 4: REFUSED})

    assert broken(verdicts) == set()


def test_a_refusal_of_what_could_be_breaks_a_promise() -> None:
    assert broken(judged(answers={**ANSWERS, 2: REFUSED})) == {"refusals_answered"}


RIVALS = (
    AskedCommand("1-01", "invoice", "7", is_rival=True, row=1),
    AskedCommand("1-01", "cancel", words="Sem estoque", is_rival=True, row=2),
)
DONE = CommandAnswer("done", None)
BARE = replace(PACKAGE, tracking_number=None, events=(), is_delivered=False)


@pytest.mark.parametrize(
    ("order", "answers"),
    [
        pytest.param(vtex(packages=(BARE,)), {1: DONE, 2: REFUSED}, id="the invoice wins"),
        pytest.param(
            vtex(status="canceled", cancel_requests=1, packages=(), invoiced_at=None),
            {1: REFUSED, 2: DONE},
            id="the cancellation wins",
        ),
    ],
)
def test_either_of_two_rivals_may_take_effect(
    order: VtexOrder, answers: dict[int, CommandAnswer]
) -> None:
    order = replace(order, tracked_at=None)

    assert broken(judged((order,), asked=RIVALS, answers=answers)) == set()


def test_a_rival_that_is_refused_and_took_effect_breaks_a_promise() -> None:
    order = vtex(packages=(BARE,), tracked_at=None)

    verdicts = judged((order,), asked=RIVALS, answers={1: REFUSED, 2: REFUSED})

    assert "refusals_answered" in broken(verdicts)


def test_a_number_that_was_superseded_need_not_last() -> None:
    superseded = AskedCommand("1-01", "track", "7", tracking_number="BR6", is_superseded=True)
    asked = (*asked_for(), replace(superseded, row=4))

    verdicts = judged(asked=asked, answers={**ANSWERS, 4: DONE})

    assert broken(verdicts) == set()
