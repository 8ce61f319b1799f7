"""Which invoices may be sent: every status, and every amount, as tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fulfilments import NOTHING_KNOWN, NOW, ORDER, known, package

from orders_sync.commands.invoice import InvoiceBody, judge_invoice
from orders_sync.commands.verdicts import AlreadyInVtex, Known, NotAllowed, Send, SentInvoice, Wait
from orders_sync.domain.fulfilment import PackageItem


def invoice(**body: Any) -> InvoiceBody:
    return InvoiceBody.model_validate({"number": "1", **body})


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        pytest.param("handling", Send, id="in handling"),
        pytest.param("invoice", Send, id="between partial invoices"),
        pytest.param("invoice-after-cancellation-deny", Send, id="a cancellation was denied"),
        pytest.param("ready-for-handling", Wait, id="not in handling yet"),
        pytest.param("start-handling", Wait, id="on the way to handling"),
        pytest.param("payment-pending", Wait, id="not paid"),
        pytest.param("cancellation-requested", Wait, id="the customer wants out"),
        pytest.param("cancel", Wait, id="being cancelled"),
        pytest.param("canceled", NotAllowed, id="cancelled"),
        pytest.param("replaced", NotAllowed, id="replaced"),
        pytest.param(None, Wait, id="null"),
        pytest.param("tomorrows-status", Wait, id="unknown"),
    ],
)
def test_an_invoice_by_status(status: str | None, verdict: type) -> None:
    order = replace(ORDER, status=status)

    assert type(judge_invoice(invoice(), order, NOTHING_KNOWN)) is verdict


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        pytest.param(known(is_changing=True), Wait, id="a change runs"),
        pytest.param(known(is_cancelling=True), Wait, id="a cancellation was asked for"),
        pytest.param(
            known(sent_invoices={"9": SentInvoice(1300, NOW)}),
            NotAllowed,
            id="all was sent, unseen yet",
        ),
    ],
)
def test_an_invoice_by_what_else_was_sent(facts: Known, verdict: type) -> None:
    assert type(judge_invoice(invoice(), ORDER, facts)) is verdict


def test_an_invoice_of_everything_names_each_sku_once_and_the_order_value() -> None:
    verdict = judge_invoice(invoice(), ORDER, NOTHING_KNOWN)

    assert isinstance(verdict, Send)
    assert verdict.what.value_cents == 1300
    assert [(it.sku, it.quantity) for it in verdict.what.items or ()] == [("A", 3), ("B", 1)]


def test_the_last_part_takes_what_is_left_with_the_freight() -> None:
    first = package("1", 600, items=(PackageItem(0, 2, 300),))
    order = replace(ORDER, packages=(first,))

    verdict = judge_invoice(invoice(number="2"), order, NOTHING_KNOWN)

    assert isinstance(verdict, Send)
    assert verdict.what.value_cents == 700
    assert [(it.sku, it.quantity) for it in verdict.what.items or ()] == [("A", 1), ("B", 1)]


def test_a_later_part_counts_a_sku_on_several_lines_as_one() -> None:
    # VTEX names only the first of the lines.
    first = package("1", 200, items=(PackageItem(0, 1, 200),))
    order = replace(ORDER, packages=(first,))
    body = invoice(number="2", items=[{"line_id": "L2", "quantity": 1}])

    verdict = judge_invoice(body, order, NOTHING_KNOWN)

    assert isinstance(verdict, Send)
    assert [(it.sku, it.quantity) for it in verdict.what.items or ()] == [("A", 1)]


def test_no_more_of_a_sku_is_invoiced_than_was_ordered_whichever_line_is_named() -> None:
    first = package("1", 800, items=(PackageItem(0, 3, 200),))
    order = replace(ORDER, packages=(first,))
    body = invoice(number="2", items=[{"line_id": "L2", "quantity": 1}])

    verdict = judge_invoice(body, order, NOTHING_KNOWN)

    assert isinstance(verdict, NotAllowed)
    assert verdict.cause == "invoice.quantity_exceeded"


@pytest.mark.parametrize(
    ("body", "value"),
    [
        pytest.param({"items": [{"line_id": "L1", "quantity": 1}]}, 200, id="a line"),
        pytest.param({"items": [{"sku": "A", "quantity": 3}]}, 800, id="a SKU on two lines"),
        pytest.param(
            {"items": [{"sku": "A", "quantity": 3}, {"sku": "B", "quantity": 1}]},
            1300,
            id="all lines, so the freight too",
        ),
        pytest.param(
            {"items": [{"sku": "B", "quantity": 1, "price_cents": 150}]}, 150, id="a price given"
        ),
        pytest.param(
            {"items": [{"sku": "B", "quantity": 1}], "value_cents": 500}, 500, id="a value given"
        ),
    ],
)
def test_the_value_of_a_partial_invoice(body: dict[str, Any], value: int) -> None:
    verdict = judge_invoice(invoice(**body), ORDER, NOTHING_KNOWN)

    assert isinstance(verdict, Send)
    assert verdict.what.value_cents == value


def test_an_invoice_that_vtex_has_is_not_sent_again() -> None:
    order = replace(ORDER, packages=(package("1", 1300),), status="invoiced")

    assert isinstance(judge_invoice(invoice(), order, NOTHING_KNOWN), AlreadyInVtex)


def test_an_invoice_that_vtex_has_with_another_value_is_refused() -> None:
    order = replace(ORDER, packages=(package("1", 500),))

    verdict = judge_invoice(invoice(value_cents=700), order, NOTHING_KNOWN)

    assert isinstance(verdict, NotAllowed)
    assert verdict.cause == "invoice.number_taken"


OTHER = invoice(number="unseen", items=[{"sku": "B", "quantity": 1}])


@given(value=st.integers(1, 3000), invoiced=st.integers(0, 1300), unseen=st.integers(0, 1300))
def test_no_sale_ever_exceeds_what_is_left(value: int, invoiced: int, unseen: int) -> None:
    packages = (package("old", invoiced),) if invoiced else ()
    order = replace(ORDER, packages=packages)
    facts = known(
        sent_invoices={"unseen": SentInvoice(unseen, NOW, read_body=lambda: OTHER)}
        if unseen
        else {}
    )

    body = invoice(value_cents=value, items=[{"sku": "A", "quantity": 1}])

    verdict = judge_invoice(body, order, facts)

    fits = invoiced + unseen + value <= ORDER.value_cents
    assert isinstance(verdict, Send) is fits
