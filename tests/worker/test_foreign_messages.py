"""Whatever strangers put into the broker, real workers go on, and it is kept for a person."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.killing import Workers, workers
from support.waiting import until

from orders_sync.broker.strays import BrokerStrays, Stray

THREADS = 2

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=9,
)
OPTIONS = (
    *("eta", "expires", "timelimit", "retries", "group", "stamps", "stamped_headers"),
    *("argsrepr", "kwargsrepr", "shadow", "compression", "ignore_result", "takes", "x"),
)
HEADERS = st.fixed_dictionaries(
    {"task": st.just("tiny.mark") | JSON, "id": st.just("1") | JSON},
    optional=dict.fromkeys(OPTIONS, JSON),
)
PROPERTIES = st.fixed_dictionaries(
    {"body_encoding": st.just(None)},
    optional=dict.fromkeys(("delivery_tag", "delivery_info", "priority", "reply_to"), JSON),
)


@pytest.fixture(scope="module")
def crew(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    with workers(tmp_path_factory.mktemp("foreign")) as crew:
        yield crew


@pytest.fixture(scope="module")
def worker(crew: Workers) -> Any:
    worker = crew.start(threads=THREADS)
    until(lambda: "ready" in crew.log, "it takes messages")
    return worker


@pytest.fixture(autouse=True)
def nothing_left(crew: Workers) -> None:
    crew.redis.delete("done", "orders_sync.strays")


def message(body: str, headers: Any, properties: Any) -> bytes:
    return json.dumps(
        {
            "body": body,
            "headers": headers,
            "properties": properties,
            "content-type": "application/json",
            "content-encoding": "utf-8",
        }
    ).encode()


def task(body: object, **headers: Any) -> bytes:
    """Return a message as a careful stranger writes it."""
    return message(
        base64.b64encode(json.dumps(body).encode()).decode(),
        {"task": "tiny.mark", "id": "1", **headers},
        {"body_encoding": "base64", "delivery_tag": "1", "delivery_info": {}},
    )


def strays(crew: Workers) -> list[Stray]:
    return list(BrokerStrays(crew.redis).list())


def goes_on(crew: Workers) -> None:
    """Wait until good messages are worked on by every thread, and nothing is left in hand."""
    before = len(crew.numbers("done"))
    crew.send(range(2 * THREADS), queue="one")
    until(lambda: len(crew.numbers("done")) >= before + 2 * THREADS, "what follows is worked on")
    until(crew.is_idle, "nothing is left in hand")


def test_what_naive_senders_write_takes_no_worker_and_no_thread(crew: Workers, worker: Any) -> None:
    three_keys = {"account": "a", "order_id": "1-01", "invoice": {}}
    bodies = [{"a": 1, "b": 2}, three_keys, None, [], {}, "", [[], {}], 7]
    wrong: list[dict[str, Any]] = [
        *({"timelimit": 30}, {"id": ["x"]}, {"id": None}, {"task": ["x"]}, {"eta": {}}),
        *({"expires": {}}, {"compression": "x"}, {"task": {}}),
    ]
    no_id = message("[[], {}, {}]", {"task": "tiny.mark"}, {})
    sent = [
        *map(task, bodies),
        *(task([[1, 0], {}, {}], **headers) for headers in wrong),
        *[task(three_keys)] * 20,
        *(no_id, b"", b"null", b"[[], {}]", b'{"a": 1, "b": 2}', b"\xff\x00"),
        *(task([[1, 0], {}, {}], task=name) for name in ("celery.map", "celery.group", "nobodys")),
    ]

    crew.redis.lpush("one", *sent)

    goes_on(crew)
    assert len(strays(crew)) == len(sent)
    assert sorted(stray.body for stray in strays(crew)) == sorted(sent)
    assert {stray.reason for stray in strays(crew)} == {"bad-envelope", "not-json", "unknown-task"}
    assert worker.poll() is None


@given(
    st.lists(
        st.binary(max_size=60)
        | JSON.map(lambda value: json.dumps(value).encode())
        | st.builds(message, JSON.map(json.dumps) | JSON, HEADERS | JSON, PROPERTIES | JSON),
        min_size=20,
        max_size=30,
    )
)
@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_whatever_is_in_a_queue_is_kept_and_the_worker_goes_on(
    crew: Workers, worker: Any, sent: list[bytes]
) -> None:
    crew.redis.delete("orders_sync.strays")

    crew.redis.lpush("one", *sent)

    goes_on(crew)
    # Of the bodies that are drawn none has the arguments that the task needs.
    assert sorted(stray.body for stray in strays(crew)) == sorted(sent)
    assert worker.poll() is None


@pytest.mark.parametrize("how", ["exit", "memory"])
def test_an_error_that_celery_does_not_catch_costs_no_thread(
    crew: Workers, worker: Any, how: str
) -> None:
    sent = 3 * THREADS

    crew.redis.lpush(
        "one", *(task([[how], {}, {}], task="tiny.fail", id=f"{how}{n}") for n in range(sent))
    )

    until(lambda: len(strays(crew)) == sent, "each is set aside")
    goes_on(crew)
    assert {(stray.reason, stray.name) for stray in strays(crew)} == {("never-ended", "tiny.fail")}
    assert worker.poll() is None


def test_a_message_that_ends_every_worker_is_set_aside_after_a_few(
    crew: Workers, worker: Any
) -> None:
    del worker
    with workers(crew.home / "killed") as killed:
        killed.redis.lpush("one", task([["kill"], {}, {}], task="tiny.fail"))

        for _ in range(5):
            victim = killed.start(threads=1)
            until(lambda: victim.poll() is not None, "it dies", seconds=30)  # noqa: B023
        killed.start(threads=1)

        until(lambda: strays(killed), "it is set aside", seconds=30)
        goes_on(killed)
        (stray,) = strays(killed)
    assert (stray.reason, stray.queue) == ("never-ended", "one")
    assert json.loads(stray.body)["headers"].get("takes") is None


def test_links_of_a_message_are_not_followed(crew: Workers, worker: Any) -> None:
    del worker
    link = {"task": "tiny.mark", "args": [99, 0], "options": {"queue": "two"}, "immutable": True}

    crew.redis.lpush("one", task([[1, 0], {}, {"callbacks": [link], "chain": [link]}]))

    until(lambda: crew.numbers("done") == [1], "it is done")
    goes_on(crew)
    assert 99 not in crew.numbers("begun")
    assert "message.parts_ignored" in crew.log


def test_broadcasts_that_change_a_worker_are_refused_and_others_answered(
    crew: Workers, worker: Any
) -> None:
    app = Celery(broker=crew.url, set_as_current=False)
    changes: list[tuple[str, dict[str, Any]]] = [
        ("revoke", {"task_id": "7"}),
        ("terminate", {"task_id": "7", "signal": "KILL"}),
        ("revoke_by_stamped_headers", {"headers": {"a": "b"}}),
        ("rate_limit", {"task_name": "tiny.mark", "rate_limit": "1/h"}),
        ("time_limit", {"task_name": "tiny.mark", "hard": 1, "soft": 1}),
        ("cancel_consumer", {"queue": "one"}),
        ("add_consumer", {"queue": "four"}),
        ("pool_grow", {"n": 5}),
        ("pool_shrink", {"n": 1}),
        ("pool_restart", {}),
        ("autoscale", {"max": 1, "min": 0}),
        ("disable_events", {}),
        ("shutdown", {}),
    ]

    for command, arguments in changes:
        (answer,) = app.control.broadcast(
            command, arguments=arguments, reply=True, timeout=5, limit=1
        )
        assert [list(reply) for reply in answer.values()] == [["error"]], command
    hello = app.control.inspect(timeout=5, limit=1).hello("stranger@x", ["7"])
    inspect = app.control.inspect(timeout=5, limit=1)

    assert "revoked" in str(hello)
    assert all([inspect.ping(), inspect.stats(), inspect.active_queues()])
    crew.redis.lpush("one", task([[7, 0], {}, {}], id="7"))
    until(lambda: crew.numbers("done") == [7], "what somebody revoked is done")
    assert worker.poll() is None
    app.close()


def test_broadcasts_are_obeyed_where_a_setting_allows_it(tmp_path: Path) -> None:
    with workers(tmp_path, ALLOW_CONTROL="true") as crew:
        worker = crew.start(threads=1)
        until(lambda: "ready" in crew.log, "it takes messages")
        app = Celery(broker=crew.url, set_as_current=False)

        app.control.shutdown()

        assert worker.wait(60) == 0
        app.close()


def test_broadcasts_that_are_none_end_nobody(crew: Workers, worker: Any) -> None:
    body = base64.b64encode(b'{"method": "ping"}').decode()
    for rubbish in (
        *(b"", b"x", b"null", b"[]", b"{}", b'{"properties": 7}', b'{"properties": {}}'),
        message(body, [], {"delivery_tag": "1"}),
        message(body, {"clock": "x"}, {"delivery_tag": "1", "body_encoding": "base64"}),
        message("null", {}, {"delivery_tag": "1"}),
        message(7, {}, {"delivery_tag": "1"}),  # type: ignore[arg-type]
    ):
        crew.redis.publish("/0.celery.pidbox", rubbish)

    goes_on(crew)
    app = Celery(broker=crew.url, set_as_current=False)
    until(lambda: app.control.ping(timeout=1), "it answers again")
    app.close()
    assert worker.poll() is None
