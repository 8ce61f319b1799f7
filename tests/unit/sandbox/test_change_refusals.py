from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from orders_sync.sandbox import Box, LineView

Call = Callable[..., requests.Response]
Sale = Callable[..., dict[str, Any]]
Change = Callable[..., requests.Response]


def taking(line: LineView, quantity: int | None = None) -> dict[str, Any]:
    item = {"id": line.sku, "uniqueId": line.line_id, "quantity": quantity or line.quantity}
    return {"reason": "Out of stock", "remove": {"items": [item]}}


def paid_by(call: Call, order_id: str) -> set[str]:
    payments = call("GET", order_id).json()["paymentData"]["transactions"][0]["payments"]
    return {payment["group"] for payment in payments}


def refused_later(
    change: Change, order_id: str, body: dict[str, Any]
) -> tuple[int, str | None, str]:
    answer = change("PATCH", order_id, "", body)
    detail = change("GET", order_id, f"/{answer.json()['requestId']}").json()
    return answer.status_code, detail["status"], detail["cancellationData"]["reason"]


@pytest.mark.parametrize(
    ("item", "code"),
    [
        pytest.param({"id": "0"}, "SalesOrderSystem010", id="a SKU that is not there"),
        pytest.param({"uniqueId": "0"}, "SalesOrderSystem010", id="a line that is not there"),
        pytest.param({"quantity": 1000}, "SalesOrderSystem011", id="more than there is"),
    ],
)
def test_a_change_that_does_not_fit_is_accepted_and_canceled(
    box: Box, change: Change, order_id: str, item: dict[str, Any], code: str
) -> None:
    before = box.order(order_id)
    body = taking(before.lines[0])
    body["remove"]["items"][0].update(item)

    status, state, reason = refused_later(change, order_id, body)

    assert (status, state, reason.partition(":")[0]) == (202, "canceled", code)
    assert box.order(order_id).value == before.value
    assert change("GET", order_id).json() == {"requests": [], "actions": []}


def test_a_sku_on_two_lines_needs_the_unique_id(box: Box, change: Change) -> None:
    found = (box.order(name) for name in box.create_orders(60, handling=True))
    order = next(one for one in found if len({line.sku for line in one.lines}) < len(one.lines))
    body = taking(order.lines[0], 1)
    del body["remove"]["items"][0]["uniqueId"]

    outcome = refused_later(change, order.order_id, body)

    assert outcome[2].startswith("SalesOrderSystem026")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param({"manualDiscountValue": 10**9}, "CHK0034", id="more off than it costs"),
        pytest.param({"add": {"items": [{"id": "0", "quantity": 1}]}}, "CHK0022", id="no such SKU"),
        pytest.param(
            {"add": {"items": [{"id": "18", "quantity": 1, "measurementUnit": "kg"}]}},
            "SalesOrderSystem055",
            id="another unit",
        ),
    ],
)
def test_what_is_asked_on_top_must_make_sense(
    change: Change, order_id: str, body: dict[str, Any], code: str
) -> None:
    assert refused_later(change, order_id, {"reason": "Sorry", **body})[2].startswith(code)


def test_not_everything_may_be_removed(box: Box, change: Change, order_id: str) -> None:
    items = [taking(line)["remove"]["items"][0] for line in box.order(order_id).lines]

    outcome = refused_later(change, order_id, {"reason": "All", "remove": {"items": items}})

    assert outcome[2].startswith("CHK0124")


def test_not_every_payment_can_pay_more(box: Box, call: Call, change: Change) -> None:
    order_id = next(
        name
        for name in box.create_orders(40, handling=True)
        if paid_by(call, name) == {"instantPayment"}
    )

    outcome = refused_later(change, order_id, {"reason": "More", "manualIncrementValue": 1})

    assert outcome[2].startswith("CHK00342")


@pytest.mark.parametrize("what", ["the items", "the sum"])
def test_what_is_invoiced_is_not_changed_away(
    box: Box, call: Call, change: Change, sale: Sale, order_id: str, what: str
) -> None:
    line, value = box.order(order_id).lines[0], box.order(order_id).value
    items = [{"id": line.sku, "price": 1, "quantity": line.quantity}] if what == "the items" else []
    part = 1 if what == "the items" else value - 1
    call("POST", order_id, "/invoice", sale(order_id, invoiceValue=part, items=items))

    outcome = refused_later(change, order_id, taking(line))

    assert outcome[2].startswith("SalesOrderSystem046")
    assert box.order(order_id).value == value


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"manualDiscountValue": 1}, id="no reason"),
        pytest.param({"reason": "Nothing"}, id="nothing changes"),
        pytest.param({"reason": "x", "manualDiscountValue": -1}, id="negative"),
        pytest.param({"reason": "x", "remove": []}, id="remove is a list"),
        pytest.param({"reason": "x", "add": {"items": [{"id": "18"}]}}, id="no quantity"),
    ],
)
def test_a_body_that_is_wrong_is_refused(
    box: Box, change: Change, order_id: str, body: dict[str, Any]
) -> None:
    assert change("PATCH", order_id, "", body).status_code == 400
    assert box.order(order_id).changes == ()


def test_only_orders_in_handling_are_changed(box: Box, change: Change) -> None:
    (order_id,) = box.create_orders(1)

    answer = change("PATCH", order_id, "", {"reason": "Sorry", "manualDiscountValue": 1})

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "CHK0124"


def test_a_change_that_nobody_asked_for_is_not_found(change: Change, order_id: str) -> None:
    answer = change("GET", order_id, "/0b1")

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "CHK0289")


def test_the_account_must_be_named(shop: requests.Session, order_id: str) -> None:
    url = f"http://vtex/api/order-system/orders/{order_id}/changes"
    body = {"reason": "Sorry", "manualDiscountValue": 1}

    answers = [shop.patch(url, params={"an": "mystore"}, json=body), shop.get(url)]

    assert [answer.status_code for answer in answers] == [400, 400]


def test_changes_may_be_switched_off(shop: requests.Session, change: Change, order_id: str) -> None:
    url = "http://vtex/api/order-system/orders/changes/settings?an=mystore"
    shop.put(url, json={"rolloutConfiguration": {"enableApi": False}})

    answer = change("PATCH", order_id, "", {"reason": "Sorry", "manualDiscountValue": 1})

    assert answer.status_code == 400
    assert shop.get(url).json()["rolloutConfiguration"]["enableApi"] is False
