from __future__ import annotations

import pytest
import requests

from orders_sync.sandbox import Box
from orders_sync.testing.clock import SettableClock

ORDERS = "http://vtex/api/oms/pvt/orders"


def test_the_list_is_paged_with_the_newest_first(box: Box, shop: requests.Session) -> None:
    order_ids = box.create_orders(5)

    page = shop.get(ORDERS, params={"per_page": 2, "page": 2}).json()

    assert [row["orderId"] for row in page["list"]] == [order_ids[2], order_ids[1]]
    assert page["paging"] == {"total": 5, "pages": 3, "currentPage": 2, "perPage": 2}


def test_a_status_filters(box: Box, shop: requests.Session) -> None:
    (ready,) = box.create_orders(1)
    box.create_orders(1, "handled-in-admin")
    (canceled,) = box.create_orders(1, "canceled-early")

    rows = shop.get(ORDERS, params={"f_status": "ready-for-handling,canceled"}).json()["list"]

    assert [(row["orderId"], row["status"]) for row in rows] == [
        (canceled, "canceled"),
        (ready, "ready-for-handling"),
    ]


def test_a_span_of_creation_filters(box: Box, shop: requests.Session, clock: SettableClock) -> None:
    box.create_orders(1)
    clock.advance(60)
    (wanted,) = box.create_orders(1)
    moment = f"{clock.now:%Y-%m-%dT%H:%M:%S}.000Z"
    clock.advance(60)
    box.create_orders(1)

    span = {"f_creationDate": f"creationDate:[{moment} TO {moment}]"}
    rows = shop.get(ORDERS, params=span).json()["list"]

    assert [row["orderId"] for row in rows] == [wanted]


def test_the_index_lags(box: Box, shop: requests.Session, clock: SettableClock) -> None:
    box.dials.index_lag_seconds = 240
    (order_id,) = box.create_orders(1)
    clock.advance(100)
    box.handle_in_admin(order_id)
    too_early = shop.get(ORDERS).json()["list"]
    clock.advance(200)
    stale = shop.get(ORDERS).json()["list"]
    clock.advance(40)
    fresh = shop.get(ORDERS).json()["list"]

    assert too_early == []
    assert [row["status"] for row in stale] == ["ready-for-handling"]
    assert [row["status"] for row in fresh] == ["handling"]


@pytest.mark.parametrize("query", ["page=31", "page=0", "per_page=101", "page=one"])
def test_a_page_that_cannot_be_is_refused(shop: requests.Session, query: str) -> None:
    assert shop.get(f"{ORDERS}?{query}").status_code == 400
