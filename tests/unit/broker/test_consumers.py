"""What the broker is told of its consumers, and what can be read from that."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery
from celery.worker.consumer.heart import Heart
from unit.broker.taking import send, taker

from orders_sync.broker import scripts
from orders_sync.broker.consumer import Consumer
from orders_sync.broker.liveness import living_workers

HEARD_OF = 20.0


def test_a_worker_is_known_with_when_it_last_had_an_answer(broker_url: str, redis: Any) -> None:
    send(broker_url, "one", 1)

    with taker(broker_url, "one", node="worker1@host") as it:
        it.take(1)
        it.channel.heartbeat.beat()
        known = living_workers(redis, heard_of_seconds=HEARD_OF)

    assert [worker.node for worker in known] == ["worker1@host"]
    assert known[0].silent_seconds < HEARD_OF


def test_it_is_known_for_how_long_a_worker_has_had_each_message(
    broker_url: str, redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(broker_url, "one", 1, 2)

    with taker(broker_url, "one", node="worker1@host") as them:
        them.take(2)
        them.messages[1].ack()
        later = time.monotonic() + 500
        monkeypatch.setattr("orders_sync.broker.channel.time.monotonic", lambda: later)
        them.channel.heartbeat.beat()
        (known,) = living_workers(redis, heard_of_seconds=HEARD_OF)

    assert [round(seconds, -1) for seconds in known.held_seconds] == [500]


def test_a_worker_that_left_is_not_known_any_more(broker_url: str, redis: Any) -> None:
    send(broker_url, "one", 1)
    with taker(broker_url, "one", node="worker1@host") as it:
        it.take(1)
        it.channel.heartbeat.beat()

    known = living_workers(redis, heard_of_seconds=HEARD_OF)

    assert known == []
    assert redis.hlen(scripts.CONSUMING) == 0


def test_a_worker_that_died_is_not_known_and_is_soon_forgotten(broker_url: str, redis: Any) -> None:
    redis.zadd(scripts.CONSUMERS, {"dead": 1_000_000_000})
    redis.hset(scripts.CONSUMING, "dead", '{"node": "worker2@host", "answered_at": 1000000000}')
    before = living_workers(redis, heard_of_seconds=HEARD_OF)

    send(broker_url, "one", 1)
    with taker(broker_url, "one", node="worker1@host") as it:
        it.take(1)
        it.channel.heartbeat.beat()
        redis.delete(scripts.LOOKED)
        it.channel.heartbeat.beat()
        fields = redis.hkeys(scripts.CONSUMING)

    assert before == []
    assert fields == [it.channel.consumer.encode()]


def test_what_is_no_worker_is_not_listed(broker_url: str, redis: Any) -> None:
    send(broker_url, "one", 1)

    with taker(broker_url, "one") as it:
        it.take(1)
        it.channel.heartbeat.beat()
        known = living_workers(redis, heard_of_seconds=HEARD_OF)

    assert known == []


def test_a_consumer_without_room_asks_for_nothing_and_hears_that_it_could(
    broker_url: str, redis: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del redis
    monkeypatch.setattr("orders_sync.broker.fetcher._SIGN_SECONDS", 0.0)
    pulse = tmp_path / "worker1@host.pulse"
    send(broker_url, "one", 1, 2)

    with taker(
        broker_url, "one", prefetch=1, node="worker1@host", pulse_folder=str(tmp_path)
    ) as it:
        it.take(1)
        pulse.unlink()
        it.channel.connection.pulse._touched_at = float("-inf")
        nothing_came = it.finds_nothing()

    assert nothing_came
    assert pulse.exists()


@pytest.mark.parametrize(("options", "seconds"), [({}, 10), ({"heartbeat_interval": 3}, 3)])
def test_a_worker_is_shown_as_often_as_it_is_told_to_or_seldom(
    options: dict[str, int], seconds: int
) -> None:
    app = Celery(broker="redis://127.0.0.1:1", set_as_current=False)

    controller = SimpleNamespace(use_eventloop=True)
    consumer = Consumer(
        print, app=app, hostname="one", controller=controller, worker_options=options
    )

    (heart,) = (step for step in consumer.steps if isinstance(step, Heart))
    assert heart.heartbeat_interval == seconds
