"""No message is lost, whatever dies: real workers and a real broker, killed while busy."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis.exceptions import RedisError
from support.killing import QUEUES, Workers, lost_in_kills, workers
from support.waiting import until

from orders_sync.broker.strays import BrokerStrays


@pytest.fixture
def crew(tmp_path: Path) -> Iterator[Workers]:
    with workers(tmp_path) as crew:
        yield crew


def test_busy_workers_that_are_killed_lose_no_message(crew: Workers) -> None:
    lost = lost_in_kills(crew, 6, seed=1)

    assert lost == 0


def test_the_messages_of_a_dead_worker_go_on_long_before_the_visibility_timeout(
    crew: Workers,
) -> None:
    victim = crew.start(threads=2)
    crew.send(range(2), seconds=60)
    until(lambda: len(crew.numbers("begun")) == 2, "both are in hand")

    victim.kill()
    crew.start(threads=2)

    until(lambda: len(crew.numbers("begun")) == 4, "both are begun again", seconds=30)
    assert sorted(crew.numbers("begun")) == [0, 0, 1, 1]


def test_a_worker_of_stock_kombu_restores_what_ours_had_and_ours_what_it_had(
    tmp_path: Path,
) -> None:
    with workers(tmp_path, VISIBILITY="2") as crew:
        crew.send(range(1), seconds=60)
        victim = crew.start(threads=1)
        until(lambda: len(crew.numbers("begun")) == 1, "ours has it")
        victim.kill()
        victim.wait()

        other = crew.start(threads=1, transport="stock")
        until(lambda: len(crew.numbers("begun")) >= 2, "stock kombu has it", seconds=30)
        other.kill()
        other.wait()

        crew.start(threads=1)
        until(lambda: len(crew.numbers("begun")) >= 3, "ours has it again", seconds=30)
        assert set(crew.numbers("begun")) == {0}


def test_a_broker_that_is_killed_and_comes_back_costs_neither_workers_nor_messages(
    crew: Workers,
) -> None:
    # With `everysec`, a server that is killed while its disk is slow loses what it last took.
    crew.redis.config_set("appendfsync", "always")
    worker = crew.start()
    crew.send(range(200), seconds=0.05)
    until(lambda: crew.numbers("done"), "the worker is busy")

    broker = crew.broker.child
    assert broker is not None
    broker.kill()
    broker.start()

    until(lambda: answers(crew), "the broker is back")
    until(crew.is_idle, "all is worked on", seconds=60)
    assert worker.poll() is None
    assert set(crew.numbers("done")) == set(range(200))


def test_a_worker_that_is_asked_to_stop_gives_back_the_rest_in_order(crew: Workers) -> None:
    worker = crew.start(threads=2)
    crew.send(range(2), seconds=1, queue="one")
    until(lambda: len(crew.numbers("begun")) == 2, "both threads are busy")
    crew.send(range(2, 6), queue="one")

    worker.send_signal(signal.SIGTERM)
    status = worker.wait(30)

    assert status == 0
    assert sorted(crew.numbers("done")) == [0, 1]
    assert crew.redis.hlen("unacked") == 0
    assert [number_in(raw) for raw in crew.redis.lrange("one", 0, -1)[::-1]] == [2, 3, 4, 5]


@pytest.mark.parametrize(
    ("raw", "reason", "name"),
    [
        pytest.param(b"Maria Silva, \xff", "not-json", "", id="no JSON"),
        pytest.param(b'{"name": "Maria Silva"}', "bad-envelope", "", id="JSON of another kind"),
        pytest.param(
            json.dumps(
                {
                    "body": "W1siTWFyaWEgU2lsdmEiXSwge30sIHt9XQ==",
                    "headers": {"task": "orders_sync.invoise", "id": "1", "lang": "py"},
                    "properties": {
                        "delivery_tag": "tag",
                        "body_encoding": "base64",
                        "delivery_info": {"exchange": "", "routing_key": "one"},
                    },
                    "content-type": "application/json",
                    "content-encoding": "utf-8",
                }
            ).encode(),
            "unknown-task",
            "orders_sync.invoise",
            id="a task that is not here",
        ),
    ],
)
def test_a_message_that_nobody_can_work_on_is_kept_and_the_worker_goes_on(
    crew: Workers, raw: bytes, reason: str, name: str
) -> None:
    worker = crew.start()
    crew.redis.lpush("one", raw)

    crew.send(range(3), queue="one")

    until(lambda: len(crew.numbers("done")) == 3, "what follows is worked on")
    until(crew.is_idle, "nothing is left in hand")
    (stray,) = BrokerStrays(crew.redis).list()
    assert (stray.queue, stray.reason, stray.name) == ("one", reason, name)
    assert worker.poll() is None
    assert "Silva" not in crew.log
    assert "W1siTWFyaWEg" not in crew.log


def test_every_queue_gets_its_turn(crew: Workers) -> None:
    for place, name in enumerate(QUEUES):
        crew.send(range(place * 100, place * 100 + 30), queue=name)

    crew.start(threads=1)

    until(crew.is_idle, "all is worked on")
    first = crew.numbers("done")[:30]
    assert {number // 100 for number in first} == {0, 1, 2}


def number_in(raw: bytes) -> int:
    headers = json.loads(raw)["headers"]
    return int(headers["argsrepr"].strip("()").split(",")[0])


def answers(crew: Workers) -> bool:
    try:
        return bool(crew.redis.ping())
    except RedisError:
        return False
