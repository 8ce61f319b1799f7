from __future__ import annotations

from typing import Any

import pytest
import requests

from orders_sync.sandbox import Box
from orders_sync.testing.clock import SettableClock

FEED = "http://vtex/api/orders/feed"
CONFIG = FEED + "/config"
QUEUE = {"visibilityTimeoutInSeconds": 30, "messageRetentionPeriodInSeconds": 345_600}
DAYS_4 = 345_600


def read(session: requests.Session, lot: int = 10) -> list[dict[str, Any]]:
    answer = session.get(f"{FEED}?maxlot={lot}")
    assert answer.status_code == 200
    items: list[dict[str, Any]] = answer.json()
    return items


def commit(session: requests.Session, items: list[dict[str, Any]]) -> int:
    handles = [item["handle"] for item in items]
    return session.post(FEED, json={"handles": handles}).status_code


def test_an_event_tells_the_change_in_vtex_s_words(box: Box, fed: requests.Session) -> None:
    (order_id,) = box.create_orders(1)

    (item,) = read(fed)

    assert item["orderId"] == order_id
    assert (item["domain"], item["state"]) == ("Fulfillment", "ready-for-handling")
    assert item["lastState"] == "window-to-cancel"
    assert item["lastChange"] < item["currentChange"]
    assert len(item["currentChange"]) == len("2019-08-12T20:54:23.7153839Z")


def test_only_statuses_of_the_filter_come(box: Box, fed: requests.Session) -> None:
    box.cancel(box.create_orders(1)[0])

    states = [item["state"] for item in read(fed)]

    assert states == ["ready-for-handling", "canceled", "canceled"]


def test_without_a_filter_every_status_comes(box: Box, shop: requests.Session) -> None:
    shop.post(CONFIG, json={"queue": QUEUE})
    box.create_orders(1)

    states = [item["state"] for item in read(shop)]

    assert states[0] == "order-created"
    assert states[-2:] == ["window-to-cancel", "ready-for-handling"]


def test_what_was_read_is_hidden_and_comes_back_under_a_new_handle(
    box: Box, fed: requests.Session, clock: SettableClock
) -> None:
    box.create_orders(1)
    (first,) = read(fed)
    hidden = read(fed)
    clock.advance(30)

    (again,) = read(fed)

    assert hidden == []
    assert again["eventId"] == first["eventId"]
    assert again["handle"] != first["handle"]


def test_what_was_committed_never_comes_back(
    box: Box, fed: requests.Session, clock: SettableClock
) -> None:
    box.create_orders(1)
    status = commit(fed, read(fed))
    clock.advance(60)

    assert status == 200
    assert read(fed) == []
    assert box.feed is not None
    assert (box.feed.visible, box.feed.in_flight, box.feed.committed) == (0, 0, 1)


@pytest.mark.parametrize("read_again", [False, True])
def test_a_stale_handle_is_answered_200_and_commits_nothing(
    box: Box, fed: requests.Session, clock: SettableClock, *, read_again: bool
) -> None:
    (order_id,) = box.create_orders(1)
    stale = read(fed)
    clock.advance(30)
    if read_again:
        read(fed)

    status = commit(fed, stale)

    assert status == 200
    assert box.order(order_id).events_unacknowledged == 1
    assert box.calls()[-1].effect is False


def test_one_commit_takes_good_handles_beside_stale_ones(box: Box, fed: requests.Session) -> None:
    box.create_orders(3)
    items = read(fed)

    commit(fed, [{"handle": "never given"}, *items[:2]])

    assert box.feed is not None
    assert (box.feed.in_flight, box.feed.committed) == (1, 2)


def test_a_lot_is_never_larger_than_asked(box: Box, fed: requests.Session) -> None:
    box.create_orders(12)

    lots = [len(read(fed, 5)), len(read(fed)), len(read(fed))]

    assert lots == [5, 7, 0]


@pytest.mark.parametrize("query", ["", "?maxlot=0", "?maxlot=11", "?maxlot=ten"])
def test_a_lot_that_cannot_be_is_refused(fed: requests.Session, query: str) -> None:
    assert fed.get(FEED + query).status_code == 400


def test_app_keys_do_not_share_a_feed(box: Box, fed: requests.Session) -> None:
    other = {"X-VTEX-API-AppKey": "another"}
    box.create_orders(1)

    assert fed.get(f"{FEED}?maxlot=10", headers=other).status_code == 404
    assert len(read(fed)) == 1


def test_the_configuration_tells_how_far_behind_the_reader_is(
    box: Box, fed: requests.Session, clock: SettableClock
) -> None:
    box.create_orders(2)
    clock.advance(12)
    read(fed, 1)

    config = fed.get(CONFIG).json()

    assert config["quantity"] == 2
    assert config["approximateAgeOfOldestMessageInSeconds"] == 12
    assert config["filter"]["status"] == ["ready-for-handling", "canceled"]
    assert config["queue"] == QUEUE


@pytest.mark.parametrize(("calls", "status"), [("get", 404), ("delete", 404)])
def test_without_a_configuration_there_is_none_to_touch(
    shop: requests.Session, calls: str, status: int
) -> None:
    assert shop.request(calls, CONFIG).status_code == status


def test_events_before_the_configuration_are_not_made_up_for(
    box: Box, shop: requests.Session
) -> None:
    (order_id,) = box.create_orders(1)
    shop.post(CONFIG, json={"queue": QUEUE})

    assert read(shop) == []
    assert box.order(order_id).ready_at is None


def test_a_configuration_without_events_evaporates(
    box: Box, fed: requests.Session, clock: SettableClock
) -> None:
    clock.advance(DAYS_4)
    box.create_orders(1)
    clock.advance(DAYS_4)
    kept = fed.get(CONFIG).status_code
    clock.advance(1)

    assert kept == 200
    assert fed.get(CONFIG).status_code == 404
    assert fed.get(f"{FEED}?maxlot=10").status_code == 404


def test_an_event_past_its_retention_is_gone(
    box: Box, fed: requests.Session, clock: SettableClock
) -> None:
    box.create_orders(1)
    clock.advance(DAYS_4 - 10)
    (young,) = box.create_orders(1)
    clock.advance(20)

    assert [item["orderId"] for item in read(fed)] == [young]


def test_a_new_configuration_keeps_what_the_old_one_took(box: Box, fed: requests.Session) -> None:
    box.create_orders(1)
    fed.post(CONFIG, json={"filter": {"type": "FromWorkflow", "status": ["hold"]}, "queue": QUEUE})
    box.create_orders(1)

    assert len(read(fed)) == 1


def test_a_deleted_configuration_takes_its_events_along(box: Box, fed: requests.Session) -> None:
    box.create_orders(1)

    assert fed.delete(CONFIG).status_code == 200
    assert box.feed is None


@pytest.mark.parametrize(
    ("single_fire", "states"),
    [
        pytest.param(False, ["ready-for-handling"], id="once an order"),
        pytest.param(True, ["ready-for-handling", "canceled", "canceled"], id="at every change"),
    ],
)
def test_from_orders_fires(
    box: Box, shop: requests.Session, states: list[str], *, single_fire: bool
) -> None:
    expression = 'status = "ready-for-handling" or status="canceled"'
    wanted = {"type": "FromOrders", "expression": expression, "disableSingleFire": single_fire}
    shop.post(CONFIG, json={"filter": wanted, "queue": QUEUE})

    box.cancel(box.create_orders(1)[0])

    assert [item["state"] for item in read(shop)] == states


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param({"filter": {"type": "FromWorkflow"}}, 400, id="no queue"),
        pytest.param({"filter": {"type": "Other"}, "queue": QUEUE}, 400, id="no such type"),
        pytest.param(
            {"queue": {**QUEUE, "messageRetentionPeriodInSeconds": 60}}, 400, id="short retention"
        ),
        pytest.param(
            {"queue": {**QUEUE, "visibilityTimeoutInSeconds": 43_201}}, 400, id="long visibility"
        ),
        pytest.param(
            {
                "filter": {"type": "FromOrders", "status": ["invoiced"], "expression": "x"},
                "queue": QUEUE,
            },
            409,
            id="fields of both types",
        ),
        pytest.param(["not", "an", "object"], 400, id="no object"),
    ],
)
def test_a_wrong_configuration_is_refused(shop: requests.Session, body: Any, status: int) -> None:
    assert shop.post(CONFIG, json=body).status_code == status
    assert shop.get(CONFIG).status_code == 404


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"handles": "one"}', b'{"handles": [1]}'])
def test_a_commit_that_is_none_is_refused(fed: requests.Session, body: bytes) -> None:
    assert fed.post(FEED, data=body).status_code == 400


def test_the_box_may_overrule_the_visibility_that_was_asked_for(
    clock: SettableClock, open_shop: Any
) -> None:
    box = Box(clock=clock.epoch, visibility_seconds=2)
    shop = open_shop(box)
    shop.post(CONFIG, json={"queue": QUEUE, "filter": {"type": "FromOrders"}})
    box.create_orders(1)
    read(shop)
    clock.advance(2)

    assert len(read(shop)) == 1
