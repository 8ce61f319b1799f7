from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests

from orders_sync.sandbox import Box

Call = Callable[..., requests.Response]

HOOK = "http://vtex/api/orders/hook/config"
CONFIG: dict[str, Any] = {
    "filter": {"type": "FromWorkflow", "status": ["ready-for-handling"]},
    "hook": {"url": "https://erp.example/hook", "headers": {"X-Secret": "s"}},
}


def test_a_note_stands_on_the_timeline(box: Box, call: Call, order_id: str) -> None:
    note = {"source": "ERP", "message": "Document 12"}

    answers = [call("POST", order_id, "/interactions", note) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert box.order(order_id).interactions == (("ERP", "Document 12"),) * 2
    assert box.order(order_id).doubled == ("interaction 2 times",)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"source": "ERP"}, id="no message"),
        pytest.param({"message": "Document 12"}, id="no source"),
        pytest.param([], id="a list"),
    ],
)
def test_a_note_that_says_nothing_is_refused(
    box: Box, call: Call, order_id: str, body: Any
) -> None:
    assert call("POST", order_id, "/interactions", body).status_code == 400
    assert box.order(order_id).interactions == ()


def test_only_the_marketplaces_own_orders_show_how_they_were_paid(box: Box, call: Call) -> None:
    for order_id in box.create_orders(40):
        order = call("GET", order_id).json()
        answer = call("GET", order_id, "/payment-transaction")

        assert answer.status_code == (200 if order["origin"] == "Marketplace" else 404)
        if answer.status_code == 200:
            payments = order["paymentData"]["transactions"][0]["payments"]
            assert answer.json()["payments"] == payments


def test_a_payment_is_told_by_its_id(call: Call, order_id: str) -> None:
    payments = call("GET", order_id, "/payment-transaction").json()["payments"]

    good = call("POST", order_id, f"/payments/{payments[0]['id']}/payment-notification")
    bad = call("POST", order_id, "/payments/0/payment-notification")

    assert (good.status_code, bad.status_code) == (200, 404)


def test_a_hook_is_configured_read_and_removed(shop: requests.Session) -> None:
    before = shop.get(HOOK).status_code
    made = shop.post(HOOK, json=CONFIG).status_code
    found = shop.get(HOOK).json()
    shop.delete(HOOK)

    assert (before, made, shop.get(HOOK).status_code) == (404, 200, 404)
    assert found == CONFIG


@pytest.mark.parametrize(
    ("hook", "words"),
    [
        pytest.param({"url": "http://erp.example"}, "Only https scheme is accepted", id="http"),
        pytest.param({}, "url", id="no URL"),
        pytest.param(None, "hook", id="no hook"),
    ],
)
def test_a_hook_that_is_wrong_is_refused(
    shop: requests.Session, hook: dict[str, str] | None, words: str
) -> None:
    answer = shop.post(HOOK, json={**CONFIG, "hook": hook})

    assert answer.status_code == 400
    assert words in answer.text


@pytest.mark.parametrize(
    ("expression", "document", "outcome"),
    [
        pytest.param('status = "handling"', {"status": "handling"}, True, id="so it is"),
        pytest.param('status = "invoiced"', {"status": "handling"}, False, id="so it is not"),
        pytest.param('status = "invoiced"', {}, False, id="no status"),
        pytest.param("value > 1", {"status": "handling"}, True, id="not understood"),
    ],
)
def test_an_expression_is_tried_out(
    shop: requests.Session, expression: str, document: Any, *, outcome: bool
) -> None:
    body = {"Expression": expression, "Document": json.dumps(document)}

    answer = shop.post("http://vtex/api/orders/expressions/jsonata", json=body)

    assert answer.json() is outcome


def test_a_purchase_is_read_whole(box: Box, shop: requests.Session, call: Call) -> None:
    (order_id,) = box.create_orders(1)
    order = call("GET", order_id).json()
    group = "http://vtex/api/oms/pvt/orders/order-group/"

    found = shop.get(group + order["orderGroup"]).json()

    assert found == [order]
    assert shop.get(group + "0").json() == []
