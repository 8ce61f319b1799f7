from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from orders_sync.sandbox import Box

Call = Callable[..., requests.Response]

OLD = {
    "requestId": "ERP-1",
    "reason": "Sorry",
    "discountValue": 5,
    "incrementValue": 0,
    "itemsRemoved": [],
    "itemsAdded": [],
}


def summary(shop: requests.Session, order_id: str) -> Any:
    return shop.get(f"http://vtex/api/orders/pvt/document/{order_id}/change-summary").json()


def test_the_old_way_of_changing_is_gone(box: Box, call: Call, order_id: str) -> None:
    answer = call("POST", order_id, "/changes", OLD)

    assert answer.status_code == 410
    assert box.order(order_id).changes == ()


def test_the_old_way_changes_at_once_and_once_a_request_id(
    box: Box, call: Call, order_id: str
) -> None:
    box.dials.changes_v1 = True
    value = box.order(order_id).value

    first = call("POST", order_id, "/changes", OLD)
    again = call("POST", order_id, "/changes", {**OLD, "discountValue": 9})

    assert (first.status_code, first.json()) == (200, again.json())
    assert box.order(order_id).value == value - 5
    assert [one.effect for one in box.calls(order_id) if one.call == "register_change"] == [
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        pytest.param({"requestId": ""}, 400, id="no request id"),
        pytest.param({"discountValue": 0}, 400, id="nothing changes"),
        pytest.param({"discountValue": None}, 400, id="no discount"),
        pytest.param({"discountValue": 10**9}, 400, id="more off than it costs"),
        pytest.param(
            {"itemsRemoved": [{"id": "0", "price": 1, "quantity": 1}]}, 404, id="no such item"
        ),
    ],
)
def test_the_old_way_refuses_what_does_not_fit(
    box: Box, call: Call, order_id: str, changes: dict[str, Any], status: int
) -> None:
    box.dials.changes_v1 = True

    answer = call("POST", order_id, "/changes", {**OLD, **changes})

    assert answer.status_code == status
    assert box.order(order_id).changes == ()


def test_the_new_way_does_not_follow_the_old_one(
    box: Box, shop: requests.Session, call: Call, order_id: str
) -> None:
    box.dials.changes_v1 = True
    call("POST", order_id, "/changes", OLD)

    answer = shop.patch(
        f"http://vtex/api/order-system/orders/{order_id}/changes?accountName=mystore",
        json={"reason": "Sorry", "manualDiscountValue": 1},
    )

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "SalesOrderSystem015"


def test_the_summary_adds_all_changes_up(box: Box, shop: requests.Session, order_id: str) -> None:
    lines = box.order(order_id).lines
    url = f"http://vtex/api/order-system/orders/{order_id}/changes?accountName=mystore"
    item = {"id": lines[0].sku, "uniqueId": lines[0].line_id, "quantity": lines[0].quantity}
    before = box.order(order_id).value

    shop.patch(url, json={"reason": "Stock", "remove": {"items": [item]}})
    shop.patch(url, json={"reason": "Sorry", "manualDiscountValue": 7})

    found = summary(shop, order_id)
    assert [one["uniqueId"] for one in found["original"]] == [line.line_id for line in lines]
    assert [one["id"] for one in found["removed"]] == [lines[0].sku]
    assert found["manualDiscountValueAggregated"] == 7
    assert before + found["totalChangesValueAggregated"] == box.order(order_id).value
    assert sum(total["value"] for total in found["totals"]) == found["totalChangesValueAggregated"]


def test_an_unchanged_order_has_an_empty_summary(shop: requests.Session, order_id: str) -> None:
    found = summary(shop, order_id)

    assert found["original"]
    assert (found["removed"], found["totalChangesValueAggregated"]) == ([], 0)


def test_the_history_lists_what_was_made(box: Box, shop: requests.Session, order_id: str) -> None:
    url = f"http://vtex/api/order-system/orders/{order_id}/changes"
    body = {"reason": "Sorry", "manualDiscountValue": 7}
    made = shop.patch(url, params={"accountName": "mystore"}, json=body).json()
    shop.patch(url, params={"accountName": "mystore"}, json={**body, "manualDiscountValue": 10**9})

    (only,) = shop.get(url, params={"an": "mystore"}).json()["requests"]

    assert only["requestId"] == made["requestId"]
    assert (only["manualDiscountValue"], only["totalChangeValue"]) == (7, -7)
    assert [one.status for one in box.order(order_id).changes] == ["done", "canceled"]
