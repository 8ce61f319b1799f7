from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from orders_sync.sandbox import Box

Call = Callable[..., requests.Response]
Sale = Callable[..., dict[str, Any]]


@pytest.fixture
def invoiced(call: Call, sale: Sale, order_id: str) -> str:
    call("POST", order_id, "/invoice", sale(order_id, "OUT"))
    return order_id


def items(box: Box, order_id: str, *places: int) -> list[dict[str, Any]]:
    lines = box.order(order_id).lines
    return [{"id": lines[place].sku, "price": 1, "quantity": 1} for place in places]


def test_a_return_pays_back_once_a_number(box: Box, call: Call, sale: Sale, invoiced: str) -> None:
    body = sale(invoiced, "IN", type="Input", invoiceValue="70", items=items(box, invoiced, 0))

    call("POST", invoiced, "/invoice", body)
    call("POST", invoiced, "/invoice", body)

    order = call("GET", invoiced).json()
    refunds = [package["restitutions"] for package in order["packageAttachment"]["packages"]]
    assert box.order(invoiced).refunds == 70
    assert box.order(invoiced).status == "invoiced"
    assert [refund.get("Refund", {}).get("value") for refund in refunds] == [None, 70]


def test_a_return_with_the_number_of_the_sale_does_nothing(
    box: Box, call: Call, sale: Sale, invoiced: str
) -> None:
    body = sale(invoiced, "OUT", type="Input", invoiceValue="70", items=items(box, invoiced, 0))

    answer = call("POST", invoiced, "/invoice", body)

    assert answer.status_code == 200
    assert box.order(invoiced).refunds == 0


def test_a_return_before_all_is_invoiced_pays_nothing_back(
    box: Box, call: Call, sale: Sale, order_id: str
) -> None:
    call("POST", order_id, "/invoice", sale(order_id, "OUT", invoiceValue=100))
    body = sale(order_id, "IN", type="Input", invoiceValue="70", items=items(box, order_id, 0))

    answer = call("POST", order_id, "/invoice", body)

    package = box.order(order_id).packages[1]
    assert answer.status_code == 200
    assert (package.refund, package.refund_problem) == (0, "CHK0054 dont have value to refund")


def test_a_sku_on_two_lines_of_a_return_blocks_the_refund(
    box: Box, call: Call, sale: Sale, invoiced: str
) -> None:
    twice = items(box, invoiced, 0, 0)
    body = sale(invoiced, "IN", type="Input", invoiceValue="70", items=twice)

    answer = call("POST", invoiced, "/invoice", body)

    package = box.order(invoiced).packages[1]
    assert answer.status_code == 200
    assert (package.refund, package.refund_problem) == (0, "CHK0054 dont have value to refund")


def test_more_than_was_paid_is_not_paid_back(
    box: Box, call: Call, sale: Sale, invoiced: str
) -> None:
    value, part = box.order(invoiced).value, items(box, invoiced, 0)
    first = sale(invoiced, "I1", type="Input", invoiceValue=1, items=part)
    call("POST", invoiced, "/invoice", first)

    second = sale(invoiced, "I2", type="Input", invoiceValue=value, items=part)
    answer = call("POST", invoiced, "/invoice", second)

    assert answer.status_code == 400
    assert "Refund more than" in answer.json()["error"]["message"]
    assert box.order(invoiced).refunds == 1


def test_what_was_not_invoiced_cannot_be_returned(
    box: Box, call: Call, sale: Sale, order_id: str
) -> None:
    call("POST", order_id, "/invoice", sale(order_id, "OUT", items=items(box, order_id, 0)))
    body = sale(order_id, "IN", type="Input", invoiceValue="70", items=items(box, order_id, 1))

    answer = call("POST", order_id, "/invoice", body)

    assert answer.status_code == 400
    assert len(box.order(order_id).packages) == 1


def test_an_order_that_came_back_whole_may_be_cancelled(
    box: Box, call: Call, sale: Sale, invoiced: str
) -> None:
    body = sale(invoiced, "IN", type="Input", invoiceValue=box.order(invoiced).value)
    before = call("POST", invoiced, "/cancel")
    call("POST", invoiced, "/invoice", body)

    after = call("POST", invoiced, "/cancel")

    assert (before.status_code, after.status_code) == (400, 200)
    assert box.order(invoiced).status == "canceled"
