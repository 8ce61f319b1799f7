"""What invoices and returns add up to: to the cent, with taxes, in whatever parts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fulfilments import NOTHING_KNOWN, ORDER, package

from orders_sync.commands.invoice import InvoiceBody, judge_invoice
from orders_sync.commands.verdicts import NotAllowed, Send
from orders_sync.domain.fulfilment import Fulfilment, FulfilmentLine, PackageItem

PIECE = {"sku": "S0", "quantity": 1}


def line(index: int, pieces: int, total: int, tax: int) -> FulfilmentLine:
    sku = f"S{index}"
    return FulfilmentLine(index, f"L{index}", sku, sku, pieces, total // pieces, total, tax)


lines = st.lists(
    st.tuples(st.integers(1, 7), st.integers(0, 9_999), st.integers(0, 999)), min_size=1, max_size=4
).map(lambda rows: tuple(line(index, *row) for index, row in enumerate(rows)))


def order_of(lines: tuple[FulfilmentLine, ...], freight: int) -> Fulfilment:
    value = sum(row.total_cents + row.tax_cents for row in lines) + freight
    return replace(ORDER, lines=lines, value_cents=value)


def sent(order: Fulfilment, **body: Any) -> tuple[Fulfilment, Send[InvoiceBody]]:
    """Send an invoice; return the order that shows it, and what was said."""
    number = f"{len(order.packages) + 1}"
    verdict = judge_invoice(
        InvoiceBody.model_validate({"number": number, **body}), order, NOTHING_KNOWN
    )
    assert isinstance(verdict, Send), verdict
    invoice = verdict.what
    index = {row.sku: row.index for row in order.lines}
    shown = package(
        number,
        invoice.value_cents,
        type=invoice.type,
        items=tuple(
            PackageItem(index[item.sku], item.quantity, item.price_cents)
            for item in invoice.items or ()
        ),
    )
    is_whole = order.remaining_cents <= invoice.value_cents and invoice.type == "Output"
    status = "invoiced" if is_whole or order.status == "invoiced" else "handling"
    return replace(order, packages=(*order.packages, shown), status=status), verdict


def pieces(order: Fulfilment, draw: st.DataObject) -> list[dict[str, Any]]:
    """Draw some of what is left to invoice, but not all of it."""
    return [
        {"line_id": row.line_id, "quantity": quantity}
        for row in order.lines
        if (
            quantity := draw.draw(st.integers(0, row.quantity - order.invoiced_quantity(row.index)))
        )
    ]


def is_worth_nothing(order: Fulfilment, **body: Any) -> bool:
    """Whether the pieces are refused since they cost less than a cent."""
    invoice = InvoiceBody.model_validate({"number": "new", **body})
    verdict = judge_invoice(invoice, order, NOTHING_KNOWN)
    return isinstance(verdict, NotAllowed) and verdict.cause == "invoice.worth_nothing"


def is_all(order: Fulfilment, items: list[dict[str, Any]]) -> bool:
    asked = {item["line_id"]: item["quantity"] for item in items}
    return all(
        order.invoiced_quantity(row.index) + asked.get(row.line_id, 0) == row.quantity
        for row in order.lines
    )


@given(lines=lines, freight=st.integers(1, 2_000), data=st.data())
def test_any_parts_end_at_the_orders_value(
    lines: tuple[FulfilmentLine, ...], freight: int, data: st.DataObject
) -> None:
    order = order_of(lines, freight)
    for _ in range(data.draw(st.integers(0, 3))):
        items = pieces(order, data)
        if not items or is_all(order, items) or is_worth_nothing(order, items=items):
            continue
        order, part = sent(order, items=items)
        assert part.remark is None
        goods = sum(i.quantity * (i.price_cents or 0) for i in part.what.items or ())
        assert goods <= (part.what.value_cents or 0)

    order, last = sent(order)

    assert order.remaining_cents == 0
    assert last.remark is None


@given(lines=lines, freight=st.integers(0, 2_000), data=st.data())
def test_returns_piece_by_piece_pay_back_what_the_lines_cost(
    lines: tuple[FulfilmentLine, ...], freight: int, data: st.DataObject
) -> None:
    order = order_of(lines, freight + 1)
    order, _ = sent(order)
    returned = 0
    for row in data.draw(st.permutations(lines)):
        for _ in range(row.quantity):
            body = {"type": "Input", "items": [{"sku": row.sku, "quantity": 1}]}
            if is_worth_nothing(order, **body):
                back = package("free", 0, type="Input", items=(PackageItem(row.index, 1, 0),))
                order = replace(order, packages=(*order.packages, back))
                continue
            order, part = sent(order, **body)
            returned += part.what.value_cents or 0

    assert returned == order.value_cents - (freight + 1)


def test_a_part_and_a_return_count_the_tax_of_their_pieces() -> None:
    order = order_of((line(0, 3, 300, 30), line(1, 1, 50, 0)), 7)

    order, part = sent(order, items=[{"sku": "S0", "quantity": 2}])
    order, rest = sent(order)
    _, back = sent(order, type="Input", items=[{"sku": "S0", "quantity": 3}])

    values = [said.what.value_cents for said in (part, rest, back)]
    assert values == [220, 167, 330]


def test_the_last_cent_is_told_and_can_be_sent() -> None:
    order = order_of((line(0, 3, 10_000, 0),), 0)

    order, first = sent(order, items=[{"sku": "S0", "quantity": 1}], value_cents=3_333)
    order, second = sent(order, items=[{"sku": "S0", "quantity": 2}], value_cents=6_666)
    order, third = sent(order)

    assert (first.remark, third.remark) == (None, None)
    assert "1 cents are not" in (second.remark or "")
    assert (third.what.value_cents, third.what.items, order.remaining_cents) == (1, (), 0)


@pytest.mark.parametrize("body", [{}, {"value_cents": 1}, {"items": [PIECE]}])
def test_an_order_worth_nothing_says_how_to_close_it(body: dict[str, Any]) -> None:
    order = replace(ORDER, lines=(line(0, 1, 0, 0),), value_cents=0)

    verdict = judge_invoice(
        InvoiceBody.model_validate({"number": "1", **body}), order, NOTHING_KNOWN
    )

    assert isinstance(verdict, NotAllowed)
    assert verdict.cause == "invoice.worth_nothing"


def test_a_piece_is_returned_once() -> None:
    order = order_of((line(0, 2, 200, 0), line(1, 1, 900, 0)), 0)
    order, _ = sent(order)
    order, _ = sent(order, type="Input", items=[{"sku": "S0", "quantity": 2}])

    again = {"number": "9", "type": "Input", "items": [{"sku": "S0", "quantity": 1}]}
    verdict = judge_invoice(InvoiceBody.model_validate(again), order, NOTHING_KNOWN)

    assert isinstance(verdict, NotAllowed)
    assert verdict.cause == "invoice.quantity_exceeded"


def test_money_without_goods_goes_back_up_to_what_was_paid() -> None:
    order = order_of((line(0, 1, 1_000, 0),), 500)
    order, _ = sent(order)

    order, freight = sent(order, type="Input", value_cents=500)
    too_much = {"number": "9", "type": "Input", "value_cents": 1_001}
    verdict = judge_invoice(InvoiceBody.model_validate(too_much), order, NOTHING_KNOWN)

    assert (freight.what.value_cents, freight.what.items) == (500, ())
    assert isinstance(verdict, NotAllowed)
    assert verdict.cause == "invoice.over_returned"


def test_a_sku_is_vtexs_before_it_is_a_sellers() -> None:
    """One line's SKU is another line's at its seller."""
    lines = (
        FulfilmentLine(0, "L0", "200", "100", 1, 9_000, 9_000),
        FulfilmentLine(1, "L1", "100", "300", 1, 100, 100),
    )
    order = replace(ORDER, lines=lines, value_cents=9_100)
    two = {"number": "1", "items": [{"sku": "100", "quantity": 2}]}

    verdict = judge_invoice(InvoiceBody.model_validate(two), order, NOTHING_KNOWN)
    _, part = sent(order, items=[{"sku": "100", "quantity": 1}])

    assert isinstance(verdict, NotAllowed)
    assert part.what.value_cents == 100


@given(lines=lines, discount=st.integers(1, 5_000), data=st.data())
def test_any_parts_of_an_order_that_is_worth_less_than_its_lines_end_at_its_value(
    lines: tuple[FulfilmentLine, ...], discount: int, data: st.DataObject
) -> None:
    order = order_of(lines, -discount)
    if order.value_cents <= 0:
        return
    for row in data.draw(st.permutations(lines)):
        items = [{"line_id": row.line_id, "quantity": row.quantity}]
        if order.remaining_cents and not is_worth_nothing(order, items=items):
            order, _ = sent(order, items=items)

    assert order.remaining_cents == 0
