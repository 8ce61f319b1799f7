from __future__ import annotations

from typing import Any

import pytest
import requests

from orders_sync.sandbox import Box
from orders_sync.testing.clock import SettableClock

ORDERS = "http://vtex/api/oms/pvt/orders"


def kinds(answers: list[requests.Response]) -> set[str]:
    return {answer.headers.get("content-type", "none").split(";")[0] for answer in answers}


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"X-VTEX-API-AppKey": None}, id="no key"),
        pytest.param({"X-VTEX-API-AppToken": ""}, id="empty token"),
    ],
)
def test_without_both_credentials_nobody_enters(shop: requests.Session, headers: Any) -> None:
    answers = [shop.get(ORDERS, headers=headers) for _ in range(30)]

    assert {answer.status_code for answer in answers} == {401}
    assert kinds(answers) == {"application/json", "text/plain", "application/problem+json"}


def test_only_known_credentials_enter_where_they_are_restricted(open_shop: Any) -> None:
    box = Box(credentials={"key": "another token"})

    refused = open_shop(box).get(ORDERS)
    box.credentials = {"key": "token"}
    admitted = open_shop(box).get(ORDERS)

    assert (refused.status_code, admitted.status_code) == (401, 200)


def test_a_missing_permission_is_403_in_several_wrappings(box: Box, shop: requests.Session) -> None:
    box.dials.forbidden = ["list_orders"]

    answers = [shop.get(ORDERS) for _ in range(30)]

    assert {answer.status_code for answer in answers} == {403}
    assert kinds(answers) == {"application/json", "text/plain", "application/problem+json"}
    assert shop.get(ORDERS + "/1-01").status_code == 404


def test_a_missing_permission_may_be_the_login_page_with_a_200(
    box: Box, shop: requests.Session
) -> None:
    (order_id,) = box.create_orders(1)
    box.dials.login_page = ["start_handling"]

    answer = shop.post(f"{ORDERS}/{order_id}/start-handling")

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert box.order(order_id).status == "ready-for-handling"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/catalog", 404),
        ("GET", "/api/oms/pvt/orders/a/b", 404),
        ("DELETE", "/api/oms/pvt/orders", 405),
    ],
)
def test_what_is_not_there_is_said_so(
    box: Box, shop: requests.Session, method: str, path: str, status: int
) -> None:
    answer = shop.request(method, "http://vtex" + path)

    assert answer.status_code == status
    assert answer.json()["status"] == status
    assert box.calls()[-1].call == "unknown"


def test_calls_over_the_budget_are_refused_until_it_is_refilled(
    clock: SettableClock, open_shop: Any
) -> None:
    box = Box(clock=clock.epoch, requests_per_minute=30)
    shop = open_shop(box)

    burst = [shop.get(ORDERS).status_code for _ in range(6)]
    refused = shop.get(ORDERS)
    clock.advance(int(refused.headers["retry-after"]))
    again = shop.get(ORDERS).status_code

    assert burst == [200] * 5 + [429]
    assert refused.status_code == 429
    assert again == 200
    assert box.record.over_budget == 2


def test_refusals_of_the_budget_have_several_bodies(open_shop: Any) -> None:
    box = Box(clock=lambda: 1.7e9, requests_per_minute=1)
    shop = open_shop(box)
    shop.get(ORDERS)

    answers = [shop.get(ORDERS) for _ in range(30)]

    assert kinds(answers) == {"application/json", "text/plain", "none"}
    assert {answer.headers["retry-after"] for answer in answers} == {"60"}


def test_a_key_that_was_revoked_is_refused_until_it_is_restored(
    box: Box, shop: requests.Session
) -> None:
    box.dials.revoked = True
    refused = shop.get(ORDERS)

    box.dials.revoked = False
    admitted = shop.get(ORDERS)

    assert (refused.status_code, admitted.status_code) == (401, 200)
