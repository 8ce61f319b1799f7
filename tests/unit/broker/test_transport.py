from __future__ import annotations

import inspect
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from kombu.transport import TRANSPORT_ALIASES, get_transport_cls
from kombu.transport import redis as stock
from redis.exceptions import ConnectionError as BrokerGone
from support.waiting import until
from unit.broker.taking import send, taker

from orders_sync.broker import scripts
from orders_sync.broker.envelope import parse
from orders_sync.broker.transport import (
    PRIVATE_NAMES,
    TESTED_KOMBU,
    SentinelTransport,
    Transport,
    check_kombu,
    install,
)
from orders_sync.errors import ConfigurationError

pytestmark = pytest.mark.usefixtures("redis")


def test_a_taken_message_is_recorded_as_kombu_does_with_its_queue(
    broker_url: str, redis: Any
) -> None:
    send(broker_url, "one", {"n": 1})
    (raw,) = redis.lrange("one", 0, -1)

    with taker(broker_url, "one") as them:
        them.take(1)
        (record,) = redis.hvals("unacked")
        tags = redis.zrange("unacked_index", 0, -1)

    assert json.loads(record) == [json.loads(raw), "", "one"]
    assert [tag.decode() for tag in tags] == [them.messages[0].delivery_tag]


def test_an_acknowledged_message_leaves_nothing_behind(broker_url: str, redis: Any) -> None:
    send(broker_url, "one", {"n": 1})

    with taker(broker_url, "one") as them:
        them.take(1)
        them.messages[0].ack()

    left = redis.keys("*")
    assert not [key for key in left if not key.startswith((b"_kombu", scripts.LOOKED.encode()))]


def test_what_is_in_hand_goes_back_in_order_when_the_channel_closes(broker_url: str) -> None:
    send(broker_url, "one", *range(5))

    with taker(broker_url, "one", prefetch=3) as them:
        taken = them.take(3)
    with taker(broker_url, "one") as others:
        again = others.take(5)

    assert taken == [0, 1, 2]
    assert again == [0, 1, 2, 3, 4]
    assert others.messages[0].headers["redelivered"] is True


def test_a_message_that_is_put_back_is_the_last_of_its_queue(broker_url: str, redis: Any) -> None:
    send(broker_url, "one", 1, 2)

    with taker(broker_url, "one", prefetch=1) as them:
        them.take(1)
        them.messages[0].requeue()
        bodies = them.take(2)

    assert bodies == [1, 2]
    assert redis.llen("one") == 2


def test_no_more_is_taken_than_there_is_room_for(broker_url: str, redis: Any) -> None:
    send(broker_url, "one", *range(5))

    with taker(broker_url, "one", prefetch=2) as them:
        them.take(2)
        nothing = them.finds_nothing()
        waiting = redis.llen("one")

    assert nothing
    assert waiting == 3


def test_queues_take_turns(broker_url: str) -> None:
    send(broker_url, "one", *["one"] * 3)
    send(broker_url, "two", *["two"] * 3)

    with taker(broker_url, "one", "two") as them:
        bodies = them.take(6)

    assert bodies == ["one", "two"] * 3


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("\ud800 and \\ud800", id="half a character"),
        pytest.param(float("inf"), id="infinity"),
        pytest.param("\0", id="a null character"),
        pytest.param({"__type__": "x"}, id="what looks like a type"),
        pytest.param([], id="nothing"),
    ],
)
def test_what_python_can_write_is_taken_as_it_is(broker_url: str, body: object) -> None:
    send(broker_url, "one", [body], headers={"repr": body})

    with taker(broker_url, "one") as them:
        bodies = them.take(1)

    assert bodies == [[body]]
    assert them.messages[0].headers["repr"] == body


def test_a_message_to_an_empty_queue_wakes_the_consumer(broker_url: str) -> None:
    with taker(broker_url, "one", "two") as them:
        nothing = them.finds_nothing()
        send(broker_url, "two", "late")
        bodies = them.take(1)

    assert nothing
    assert bodies == ["late"]


def test_a_consumer_that_acknowledges_nothing_makes_no_record(broker_url: str, redis: Any) -> None:
    send(broker_url, "one", 1)

    with taker(broker_url) as them:
        them.consume("one", no_ack=True)
        them.take(1)
        recorded = redis.hlen("unacked")

    assert recorded == 0


def test_a_key_prefix_stands_before_every_key(broker_url: str, redis: Any) -> None:
    send(broker_url, "one", 1, global_keyprefix="p:")

    with taker(broker_url, "one", global_keyprefix="p:") as them:
        them.take(1)
        recorded = redis.hlen("p:unacked")

    assert recorded == 1
    assert redis.llen("p:one") == 1
    assert not [key for key in redis.keys("*") if not key.startswith(b"p:")]


def test_a_late_acknowledgement_on_a_lost_connection_is_no_error(
    broker_url: str, redis: Any
) -> None:
    send(broker_url, "one", 1)
    with taker(broker_url, "one") as them:
        them.take(1)

    them.messages[0].ack()

    assert redis.llen("one") == 1


def test_a_broker_that_forgot_the_script_is_a_lost_connection_that_comes_back(
    broker_url: str, redis: Any
) -> None:
    with taker(broker_url, "one") as them:
        them.finds_nothing()
        redis.script_flush()
        send(broker_url, "one", 1)

        with pytest.raises(BrokerGone):
            them.take(1)
        bodies = them.take(1)

    assert bodies == [1]


def test_the_messages_of_a_silent_consumer_go_back(broker_url: str) -> None:
    send(broker_url, "one", *range(3))
    quick: dict[str, Any] = {"consumer_beat": 0.05, "consumer_silence": 0.3}
    with taker(broker_url, "one", **quick) as dead:
        dead.take(3)
        dead.channel.heartbeat.stop()

        with taker(broker_url, "one", **quick) as living:
            bodies = living.take(3)

    # They come back one by one, newest first, while the other takes already.
    assert sorted(bodies) == [0, 1, 2]


def test_a_consumer_that_was_silent_itself_judges_nobody(broker_url: str, redis: Any) -> None:
    send(broker_url, "one", 1)
    with taker(broker_url, "one", consumer_beat=0.01, consumer_silence=0.01) as them:
        them.take(1)
        them.channel.heartbeat.stop()
        redis.zadd(scripts.CONSUMERS, {"another": 1})
        redis.hset(scripts.OWNERS, them.messages[0].delivery_tag, "another")
        redis.zadd(scripts.CONSUMERS, {them.channel.consumer: 1})
        redis.delete(scripts.LOOKED)

        first = them.channel.heartbeat.beat()
        second = them.channel.heartbeat.beat()

    assert first == []
    assert second == [them.messages[0].delivery_tag]


def test_a_record_that_cannot_be_read_is_put_aside_when_it_is_restored(
    broker_url: str, redis: Any
) -> None:
    redis.hset("unacked", "tag", b"[\xff")
    redis.zadd("unacked_index", {"tag": 1})

    with taker(broker_url, "one", visibility_timeout=1, unacked_restore_throttle=1) as them:
        until(lambda: them.finds_nothing() and redis.llen(scripts.STRAYS), "it is set aside")

    assert redis.hlen("unacked") == redis.zcard("unacked_index") == 0


def test_every_url_that_kombu_takes_for_redis_is_ours_once_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kombu.transport.TRANSPORT_ALIASES", dict(TRANSPORT_ALIASES))

    install()

    assert get_transport_cls("redis") is get_transport_cls("rediss") is Transport
    assert get_transport_cls("sentinel") is SentinelTransport


def test_the_private_names_that_are_used_are_in_the_tested_kombu() -> None:
    for owner, names in PRIVATE_NAMES.items():
        assert set(names) <= names_in(getattr(stock, owner)), owner


@pytest.mark.parametrize("version", ["5.7.0", "5.7.12", "5.7.1rc1"])
def test_a_kombu_of_the_tested_range_is_taken(version: str) -> None:
    check_kombu()
    check_kombu(version)


@pytest.mark.parametrize("version", ["5.6.2", "5.8.0", "5.10.0", "6.0.0"])
def test_another_kombu_is_refused_with_the_way_out(version: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape("pip install 'kombu>=5.7,<5.8'")):
        check_kombu(version)


def test_the_package_asks_for_the_tested_kombu() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]

    first, beyond = TESTED_KOMBU
    assert f"kombu>={first},<{beyond}" in project["dependencies"]


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        pytest.param(b'{"a": [1, "\\u00e9"]}', {"a": [1, "é"]}, id="plain"),
        pytest.param(b'{"__type__": "bytes", "__value__": "x"}', b"x", id="a type of kombu's"),
    ],
)
def test_a_message_is_read_as_kombu_reads_it(raw: bytes, value: object) -> None:
    assert parse(raw) == value


def names_in(cls: type) -> set[str]:
    """Give every name that a class and its bases use."""
    source = "".join(inspect.getsource(base) for base in cls.__mro__[:-1])
    return set(re.findall(r"\w+", source))
