from __future__ import annotations

from typing import Any

import pytest
import requests

from orders_sync.sandbox import Box

FEED = "http://vtex/api/orders/feed?maxlot=10"


def read_ids(session: requests.Session) -> list[str]:
    return [item["orderId"] for item in session.get(FEED).json()]


def test_without_disorder_the_oldest_comes_first(box: Box, fed: requests.Session) -> None:
    order_ids = box.create_orders(10)

    assert read_ids(fed) == order_ids


def test_with_disorder_later_events_overtake_and_none_is_lost(
    box: Box, fed: requests.Session
) -> None:
    box.dials.feed_disorder = 1.0
    order_ids = box.create_orders(10)

    read = read_ids(fed)

    assert read != order_ids
    assert sorted(read) == sorted(order_ids)


def test_a_duplicate_is_delivered_again_without_waiting(box: Box, fed: requests.Session) -> None:
    box.dials.feed_duplicates = 1.0
    (order_id,) = box.create_orders(1)

    items = fed.get(FEED).json()

    assert [item["orderId"] for item in items] == [order_id] * 10
    assert len({item["handle"] for item in items}) == 10
    assert len({item["eventId"] for item in items}) == 1


def test_of_duplicates_only_the_last_handle_commits(box: Box, fed: requests.Session) -> None:
    box.dials.feed_duplicates = 1.0
    (order_id,) = box.create_orders(1)
    handles = [item["handle"] for item in fed.get(FEED).json()]

    fed.post("http://vtex/api/orders/feed", json={"handles": handles[:-1]})
    before = box.order(order_id).events_unacknowledged
    fed.post("http://vtex/api/orders/feed", json={"handles": handles[-1:]})

    assert before == 1
    assert box.order(order_id).events_unacknowledged == 0


def test_an_event_may_change_its_id_when_it_comes_again(box: Box, fed: requests.Session) -> None:
    box.dials.turn({"feed_duplicates": 1.0, "fresh_event_ids": True})
    box.create_orders(1)

    items = fed.get(FEED).json()

    assert len({item["eventId"] for item in items}) == 10
    assert len({item["currentChange"] for item in items}) == 1


def test_a_short_read_leaves_the_rest_for_the_next(box: Box, fed: requests.Session) -> None:
    box.create_orders(40)
    box.dials.feed_short_reads = 1.0

    lots = [len(read_ids(fed)) for _ in range(4)]
    box.dials.feed_short_reads = 0.0
    rest = [len(read_ids(fed)) for _ in range(4)]

    assert min(lots) < 10
    assert sum(lots) + sum(rest) == 40


def test_an_empty_read_loses_nothing(box: Box, fed: requests.Session) -> None:
    box.create_orders(1)
    box.dials.feed_empty_reads = 1.0

    empty = read_ids(fed)
    box.dials.feed_empty_reads = 0.0

    assert empty == []
    assert len(read_ids(fed)) == 1


@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_seed_makes_the_same_disorder(open_shop: Any, seed: int) -> None:
    lots = []
    for _ in range(2):
        box = Box(seed=seed, clock=lambda: 1.7e9)
        box.dials.turn({"feed_disorder": 0.5, "feed_duplicates": 0.3, "feed_short_reads": 0.3})
        session = open_shop(box)
        queue = {"visibilityTimeoutInSeconds": 30, "messageRetentionPeriodInSeconds": 345_600}
        session.post("http://vtex/api/orders/feed/config", json={"queue": queue})
        box.create_orders(20)
        lots.append([session.get(FEED).json() for _ in range(10)])

    assert lots[0] == lots[1]
