from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
import requests

from orders_sync.sandbox import Box
from orders_sync.testing.clock import SettableClock

ORDERS = "http://vtex/api/oms/pvt/orders"


def get(session: requests.Session, order_id: str) -> requests.Response:
    return session.get(f"{ORDERS}/{quote(order_id, safe='')}")


def start_handling(session: requests.Session, order_id: str) -> requests.Response:
    return session.post(f"{ORDERS}/{quote(order_id, safe='')}/start-handling")


def states(session: requests.Session) -> list[tuple[str, str | None]]:
    items = session.get("http://vtex/api/orders/feed?maxlot=10").json()
    return [(item.get("domain"), item.get("state")) for item in items]


def test_a_plain_order_is_ready_at_once(box: Box, shop: requests.Session) -> None:
    (order_id,) = box.create_orders(1)

    order = get(shop, order_id).json()

    assert order["orderId"] == order_id
    assert order["status"] == "ready-for-handling"
    assert order["isCompleted"] is True


def test_every_id_is_found_under_its_quoted_path(box: Box, shop: requests.Session) -> None:
    order_ids = box.create_orders(100)

    found = [get(shop, order_id).json()["orderId"] for order_id in order_ids]

    assert found == order_ids


def test_a_paced_order_passes_through_its_statuses(
    box: Box, fed: requests.Session, clock: SettableClock
) -> None:
    box.dials.step_seconds = 10
    (order_id,) = box.create_orders(1)

    seen = []
    for _ in range(8):
        seen.append(get(fed, order_id).json()["status"])
        clock.advance(10)

    assert seen == [
        "order-created",
        "on-order-completed",
        "payment-pending",
        "approve-payment",
        "payment-approved",
        "authorize-fulfillment",
        "window-to-cancel",
        "ready-for-handling",
    ]
    assert box.order(order_id).ready_at == clock.epoch() - 10


def test_start_handling_takes_its_time(
    box: Box, shop: requests.Session, clock: SettableClock
) -> None:
    box.dials.handling_seconds = 5
    (order_id,) = box.create_orders(1)

    answer = start_handling(shop, order_id)
    at_once = get(shop, order_id).json()["status"]
    clock.advance(5)

    assert (answer.status_code, answer.content) == (204, b"")
    assert at_once == "start-handling"
    assert get(shop, order_id).json()["status"] == "handling"
    assert box.order(order_id).handling_at == clock.epoch() - 5


def test_start_handling_a_second_time_is_refused_as_409_or_400(
    box: Box, shop: requests.Session
) -> None:
    order_ids = box.create_orders(30)
    for order_id in order_ids:
        start_handling(shop, order_id)

    answers = [start_handling(shop, order_id) for order_id in order_ids]

    assert {answer.status_code for answer in answers} == {400, 409}
    assert {answer.json()["error"]["code"] for answer in answers} == {"OMS003"}
    assert {box.order(order_id).start_handling_effects for order_id in order_ids} == {1}


def test_an_order_that_nobody_made_is_not_found(shop: requests.Session) -> None:
    answers = [get(shop, "123-01"), start_handling(shop, "123-01")]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json()["error"]["code"] == "OMS007"


def test_a_hollow_success_changes_nothing(box: Box, shop: requests.Session) -> None:
    box.dials.hollow_success = 1.0
    (order_id,) = box.create_orders(1)

    answer = start_handling(shop, order_id)

    assert answer.status_code == 204
    assert box.order(order_id).status == "ready-for-handling"
    assert box.calls(order_id)[-1].effect is False


@pytest.mark.parametrize(
    ("trouble", "status", "events"),
    [
        ("plain", "ready-for-handling", [("Fulfillment", "ready-for-handling")]),
        (
            "canceled-early",
            "canceled",
            [
                ("Fulfillment", "ready-for-handling"),
                ("Marketplace", "canceled"),
                ("Fulfillment", "canceled"),
            ],
        ),
        ("replaced", "replaced", [("Fulfillment", "ready-for-handling")]),
        ("vanished", "ready-for-handling", [("Fulfillment", "ready-for-handling")]),
        ("incomplete", None, [("Marketplace", None), ("Fulfillment", None)]),
        ("handled-in-admin", "handling", [("Fulfillment", "ready-for-handling")]),
        (
            "two-domains",
            "ready-for-handling",
            [("Marketplace", "ready-for-handling"), ("Fulfillment", "ready-for-handling")],
        ),
        (
            "null-state",
            "ready-for-handling",
            [("Fulfillment", None), ("Fulfillment", "ready-for-handling")],
        ),
        (
            "unknown-state",
            "ready-for-handling",
            [("Fulfillment", "waiting-for-partner-review"), ("Fulfillment", "ready-for-handling")],
        ),
        ("malformed", "ready-for-handling", [("Fulfillment", "ready-for-handling")]),
    ],
)
def test_each_trouble_shows_in_the_status_and_the_feed(
    box: Box,
    fed: requests.Session,
    trouble: str,
    status: str | None,
    events: list[tuple[str, str | None]],
) -> None:
    (order_id,) = box.create_orders(1, trouble)

    assert box.order(order_id).status == status
    assert states(fed) == events
    assert box.order(order_id).events_emitted == len(events)


def test_a_vanished_order_is_in_the_feed_only(box: Box, shop: requests.Session) -> None:
    (order_id,) = box.create_orders(1, "vanished")

    assert get(shop, order_id).status_code == 404
    assert start_handling(shop, order_id).status_code == 404
    assert shop.get(ORDERS).json()["list"] == []


def test_an_incomplete_order_has_no_status_until_it_is_completed(
    box: Box, shop: requests.Session
) -> None:
    (order_id,) = box.create_orders(1, "incomplete")
    before = get(shop, order_id).json()

    box.complete(order_id)
    after = get(shop, order_id).json()

    assert (before["status"], before["isCompleted"]) == (None, False)
    assert (after["status"], after["isCompleted"]) == ("ready-for-handling", True)


def test_malformed_orders_are_json_and_wrong_in_several_ways(
    box: Box, shop: requests.Session
) -> None:
    orders = [get(shop, order_id).json() for order_id in box.create_orders(40, "malformed")]

    def fault(order: dict[str, Any]) -> str:
        if "items" not in order:
            return "no items"
        if not isinstance(order["items"], list):
            return "items is no list"
        if not isinstance(order["value"], int):
            return "value is no number"
        if not isinstance(order["items"][0]["quantity"], int):
            return "quantity is no number"
        return "total is no number" if order["items"][0]["priceDefinition"]["total"] else "none"

    assert {fault(order) for order in orders} == {
        "no items",
        "items is no list",
        "value is no number",
        "quantity is no number",
        "total is no number",
    }


def test_a_poison_event_has_a_handle_and_hides_its_order(box: Box, fed: requests.Session) -> None:
    (order_id,) = box.create_orders(1, "poison-event")
    poison, good = fed.get("http://vtex/api/orders/feed?maxlot=10").json()

    fed.post("http://vtex/api/orders/feed", json={"handles": [poison["handle"]]})

    assert not isinstance(poison.get("orderId"), str)
    assert good["orderId"] == order_id
    assert box.order(order_id).events_unacknowledged == 1


def test_poison_events_are_wrong_in_several_ways(box: Box, fed: requests.Session) -> None:
    box.create_orders(30, "poison-event")

    items = [
        item
        for _ in range(6)
        for item in fed.get("http://vtex/api/orders/feed?maxlot=10").json()
        if not isinstance(item.get("orderId"), str)
    ]

    assert len(items) == 30
    assert {"orderId" in item for item in items} == {True, False}
    assert {type(item["state"]) for item in items} == {str, list}
    assert None in [item["domain"] for item in items]


def test_the_shopper_cancels_in_two_steps(
    box: Box, shop: requests.Session, clock: SettableClock
) -> None:
    box.dials.cancel_seconds = 3
    (order_id,) = box.create_orders(1)

    box.cancel(order_id)
    at_once = get(shop, order_id).json()["status"]
    clock.advance(3)
    order = get(shop, order_id).json()

    assert at_once == "cancel"
    assert order["status"] == "canceled"
    assert order["cancellationData"]["RequestedByUser"] is True


def test_a_requested_cancellation_waits_for_the_seller(box: Box, shop: requests.Session) -> None:
    (order_id,) = box.create_orders(1)

    box.cancel(order_id, request=True)

    assert get(shop, order_id).json()["status"] == "cancellation-requested"


def test_a_cancelled_order_never_becomes_handling(box: Box, clock: SettableClock) -> None:
    box.dials.step_seconds = 10
    (order_id,) = box.create_orders(1)

    box.cancel(order_id)
    clock.advance(1_000)

    assert box.order(order_id).status == "canceled"


def test_what_comes_too_late_does_not_happen(box: Box) -> None:
    (order_id,) = box.create_orders(1, "canceled-early")

    late = [box.cancel(order_id), box.replace(order_id), box.handle_in_admin(order_id)]

    assert late == [False, False, False]
    assert box.complete(order_id) is False
    assert box.order(order_id).status == "canceled"
