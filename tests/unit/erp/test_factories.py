"""Invented orders are repeatable and their sums are right."""

from __future__ import annotations

import json

import pytest

from orders_sync.testing.factories import make_line, make_order


def test_the_same_id_gives_the_same_order() -> None:
    assert make_order("1300000000007-01") == make_order("1300000000007-01")


def test_other_ids_give_other_customers() -> None:
    documents = {make_order(f"130000000000{n}-01").customer.document for n in range(5)}

    assert len(documents) == 5


@pytest.mark.parametrize("lines", [0, 1, 7])
def test_the_totals_make_up_the_value(lines: int) -> None:
    order = make_order(lines=lines)

    totals = order.totals
    line_sum = sum(line.total_cents for line in order.lines)
    assert totals.items_cents + totals.discounts_cents == line_sum
    assert line_sum + totals.shipping_cents == order.value_cents
    assert order.payments[0].value_cents == order.value_cents


def test_any_field_can_be_chosen() -> None:
    line = make_line(quantity=3, selling_price_cents=100)

    order = make_order(lines=[line], status="handling", currency="COP")

    assert (order.status, order.currency, order.lines) == ("handling", "COP", (line,))
    assert line.total_cents == 300
    assert json.loads(order.document)["status"] == "handling"
