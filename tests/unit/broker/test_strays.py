from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from unit.broker.taking import send, taker

from orders_sync.broker.strays import BrokerStrays, Stray


@pytest.fixture
def strays(broker_url: str, redis: Any) -> BrokerStrays:
    redis.lpush("one", b"Maria \xff", b"[]", b'{"properties": 7}')
    send(broker_url, "one", "good")
    with taker(broker_url, "one") as them:
        them.take(1)
        them.messages[0].ack()
    return BrokerStrays(redis)


def test_strays_tell_what_they_are_and_show_no_body(strays: BrokerStrays) -> None:
    first, second, third = strays.list()

    assert [stray.body for stray in (first, second)] == [b"Maria \xff", b"[]"]
    assert [stray.reason for stray in (first, second, third)] == [
        "not-json",
        "bad-envelope",
        "bad-envelope",
    ]
    assert (first.queue, first.name, first.size) == ("one", "", 7)
    assert datetime.now(UTC) - first.when < timedelta(minutes=5)
    assert "Maria" not in repr(first)


def test_a_stray_is_taken_out_once(strays: BrokerStrays) -> None:
    stray = strays.list()[1]

    popped, again = strays.pop(stray.id), strays.pop(stray.id)

    assert popped == stray
    assert again is None
    assert len(strays) == 2


@pytest.mark.parametrize(
    ("queue", "key"),
    [
        pytest.param(None, "one", id="its own queue"),
        pytest.param("two", "two", id="another queue"),
    ],
)
def test_a_stray_goes_back_to_a_queue(
    strays: BrokerStrays, redis: Any, queue: str | None, key: str
) -> None:
    stray = strays.list()[0]

    moved, again = strays.put_back(stray.id, queue), strays.put_back(stray.id, queue)

    assert (moved, again) == (True, False)
    assert redis.lrange(key, 0, -1) == [stray.body]
    assert len(strays) == 2


def test_a_discarded_stray_is_gone(strays: BrokerStrays) -> None:
    stray = strays.list()[0]

    gone, again = strays.discard(stray.id), strays.discard(stray.id)

    assert (gone, again) == (True, False)
    assert stray not in strays.list()


def test_strays_are_collected_in_their_order_and_leave_the_broker(strays: BrokerStrays) -> None:
    seen: list[Stray] = []
    expected = strays.list()

    number = strays.collect(seen.append)

    assert number == 3
    assert seen == expected
    assert len(strays) == 0


def test_a_stray_that_could_not_be_collected_stays(strays: BrokerStrays) -> None:
    def refuse(stray: Stray) -> None:
        raise OSError(stray.id)

    with pytest.raises(OSError, match="-1"):
        strays.collect(refuse)

    assert len(strays) == 3


def test_of_too_many_strays_the_oldest_are_dropped_and_counted(broker_url: str, redis: Any) -> None:
    redis.rpush("orders_sync.strays", *[json.dumps({"id": "x"})] * 10_000)
    redis.lpush("one", b"new")

    with taker(broker_url, "one") as them:
        them.finds_nothing()

    strays = BrokerStrays(redis)
    assert len(strays) == 10_000
    assert strays.dropped == 1
