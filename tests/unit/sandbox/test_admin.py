from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
import requests

from orders_sync.sandbox import Box
from orders_sync.testing.clock import SettableClock

ADMIN = "http://vtex/_sandbox"
VTEX = "http://vtex/api"


@pytest.fixture
def order_id(shop: requests.Session) -> str:
    made = shop.post(f"{ADMIN}/orders", json={"count": 1}).json()["order_ids"]
    return str(made[0])


def test_it_is_open_without_credentials(box: Box, shop: requests.Session) -> None:
    shop.headers.clear()

    assert shop.get(f"{ADMIN}/health").json() == {"status": "ok", "account": box.account}
    assert box.calls() == []


def test_orders_are_made_with_a_trouble(box: Box, shop: requests.Session) -> None:
    body = {"count": 2, "trouble": "vanished"}

    order_ids = shop.post(f"{ADMIN}/orders", json=body).json()["order_ids"]

    assert [box.order(order_id).trouble for order_id in order_ids] == ["vanished", "vanished"]


def test_orders_are_made_in_handling(box: Box, shop: requests.Session) -> None:
    box.dials.step_seconds = 10
    body = {"count": 2, "trouble": "plain", "handling": True}

    order_ids = shop.post(f"{ADMIN}/orders", json=body).json()["order_ids"]

    assert [box.order(order_id).status for order_id in order_ids] == ["handling", "handling"]


@pytest.mark.parametrize(
    "body",
    [
        {"handling": 1},
        {"trouble": "none such"},
        {"count": -1},
        {"count": "two"},
        {"trouble": ["plain"]},
        [1],
    ],
)
def test_orders_that_cannot_be_are_refused(shop: requests.Session, body: Any) -> None:
    answer = shop.post(f"{ADMIN}/orders", json=body)

    assert answer.status_code == 400
    assert answer.json()["error"]


def test_it_tells_what_was_done_to_each_order(
    fed: requests.Session, clock: SettableClock, order_id: str
) -> None:
    made_at = clock.epoch()
    clock.advance(7)
    path = f"{VTEX}/oms/pvt/orders/{quote(order_id, safe='')}"
    items = fed.get(f"{VTEX}/orders/feed?maxlot=10").json()
    fed.get(path)
    fed.post(path + "/start-handling")
    fed.post(f"{VTEX}/orders/feed", json={"handles": [item["handle"] for item in items]})

    (view,) = fed.get(f"{ADMIN}/orders").json()["orders"]

    assert view["order_id"] == order_id
    assert view["status"] == "handling"
    assert (view["ready_at"], view["handling_at"]) == (made_at, clock.epoch())
    assert (view["events_emitted"], view["events_unacknowledged"]) == (1, 0)
    assert [(call["call"], call["status"], call["effect"]) for call in view["calls"]] == [
        ("get_order", 200, False),
        ("start_handling", 204, True),
        ("feed_commit", 200, True),
    ]
    assert sum(line["total"] for line in view["lines"]) <= view["value"]


@pytest.mark.parametrize(
    ("verb", "body", "status"),
    [
        ("cancel", {}, "canceled"),
        ("cancel", {"request": True}, "cancellation-requested"),
        ("replace", {}, "replaced"),
        ("handle", {}, "handling"),
    ],
)
def test_an_order_is_changed_from_outside(
    shop: requests.Session, order_id: str, verb: str, body: dict[str, Any], status: str
) -> None:
    path = f"{ADMIN}/orders/{quote(order_id, safe='')}"

    answer = shop.post(f"{path}/{verb}", json=body)

    assert answer.json()["status"] == status
    assert shop.get(path).json()["status"] == status


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("GET", "orders/123-01", 404, id="no such order"),
        pytest.param("POST", "orders/123-01/cancel", 404, id="cancel no such order"),
        pytest.param("GET", "orders/123-01/cancel", 405, id="cancel by reading"),
        pytest.param("GET", "nothing", 404, id="no such desk"),
    ],
)
def test_what_it_does_not_know_it_says(
    shop: requests.Session, method: str, path: str, status: int
) -> None:
    answer = shop.request(method, f"{ADMIN}/{path}")

    assert answer.status_code == status
    assert answer.json()["error"]


def test_a_cancellation_has_its_reason(shop: requests.Session, order_id: str) -> None:
    path = f"{ADMIN}/orders/{quote(order_id, safe='')}"

    view = shop.post(f"{path}/cancel", json={"request": True, "reason": "Too late"}).json()

    assert [one["reason"] for one in view["cancellations"]] == ["Too late"]


def test_a_change_that_comes_too_late_conflicts(shop: requests.Session, order_id: str) -> None:
    path = f"{ADMIN}/orders/{quote(order_id, safe='')}"
    shop.post(f"{path}/replace")

    answer = shop.post(f"{path}/cancel")

    assert answer.status_code == 409
    assert "replaced" in answer.json()["error"]


def test_the_report_counts(box: Box, fed: requests.Session, order_id: str) -> None:
    box.create_orders(2, "incomplete")
    fed.get(f"{VTEX}/orders/feed?maxlot=1")
    fed.get(f"{VTEX}/oms/pvt/orders/{quote(order_id, safe='')}")

    report = fed.get(f"{ADMIN}/report").json()

    assert report == {
        "calls_total": 3,
        "calls_by_name": {"feed_config_set": 1, "feed_read": 1, "get_order": 1},
        "statuses": {"200": 3},
        "over_budget": 0,
        "feed": {"visible": 4, "in_flight": 1, "committed": 0, "configured": True},
        "hook": {"taken": 0, "refused": 0, "dropped": 0, "waiting": 0},
        "orders": 3,
        "orders_by_status": {"ready-for-handling": 1, "None": 2},
    }


def test_the_people_are_those_of_the_documents(shop: requests.Session, order_id: str) -> None:
    order = shop.get(f"{VTEX}/oms/pvt/orders/{quote(order_id, safe='')}").json()
    profile = order["clientProfileData"]

    people = shop.get(f"{ADMIN}/people").json()["people"]

    assert {
        f"{profile['firstName']} {profile['lastName']}",
        profile["document"],
        profile["email"],
        profile["phone"],
    } <= set(people)


def test_dials_are_read_and_turned(box: Box, shop: requests.Session) -> None:
    turned = shop.put(f"{ADMIN}/dials", json={"drop_after": 0.25})
    refused = shop.put(f"{ADMIN}/dials", json={"drop_after": 0.5, "nonsense": 1})

    assert turned.json()["drop_after"] == 0.25
    assert (refused.status_code, "nonsense" in refused.json()["error"]) == (400, True)
    assert shop.get(f"{ADMIN}/dials").json()["drop_after"] == box.dials.drop_after == 0.25


def test_a_feed_that_is_deleted_leaves_no_event_that_somebody_could_acknowledge(
    box: Box, fed: requests.Session
) -> None:
    (order_id,) = box.create_orders(1)

    answer = fed.delete(f"{ADMIN}/feeds")

    assert answer.status_code == 200
    assert fed.get(f"{VTEX}/orders/feed/config").status_code == 404
    assert box.feed is None
    assert box.order(order_id).events_unacknowledged == 0


def test_a_person_edits_an_order_and_nobody_is_told(box: Box, shop: requests.Session) -> None:
    order_ids = box.create_orders(20, handling=True)
    emitted = {order_id: box.order(order_id).events_emitted for order_id in order_ids}

    for order_id in order_ids:
        order = f"{VTEX}/oms/pvt/orders/{quote(order_id, safe='')}"
        before = shop.get(order).json()
        made = [
            part
            for part in ("items", "address", "carrier", "window", "authorization")
            if shop.post(f"{ADMIN}/orders/{quote(order_id, safe='')}/edit", json={"part": part}).ok
        ]
        after = shop.get(order).json()

        differs = {name for name, value in before.items() if after[name] != value}
        assert box.order(order_id).edits == tuple(made)
        assert ("paymentData" in differs) is ("authorization" in made)
        assert ("changesAttachment" in differs) is ("items" in made)
        assert ("shippingData" in differs) is bool({"address", "carrier", "window"} & set(made))
        assert after["lastChange"] > before["lastChange"]
        assert box.order(order_id).events_emitted == emitted[order_id]


@pytest.mark.parametrize(
    ("part", "status"), [("items", 409), ("address", 409), ("price", 400), (None, 400)]
)
def test_an_edit_that_cannot_be_is_refused(
    shop: requests.Session, box: Box, part: str | None, status: int
) -> None:
    [order_id] = box.create_orders(1)
    box.cancel(order_id)

    answer = shop.post(f"{ADMIN}/orders/{order_id}/edit", json={"part": part})

    assert answer.status_code == status
    assert box.order(order_id).edits == ()


def test_an_address_that_was_left_is_still_a_persons(box: Box) -> None:
    order_ids = box.create_orders(20, handling=True)
    before = set(box.people())

    moved = [order_id for order_id in order_ids if box.edit(order_id, "address")]

    assert moved
    assert before < set(box.people())
