"""What is made of the answers of broker, workers and ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orders_sync.broker.liveness import LivingWorker
from orders_sync.doctor.broker import judge_memory, judge_persistence, judge_version
from orders_sync.doctor.findings import State
from orders_sync.doctor.ledger import judge_polls
from orders_sync.doctor.workers import judge_consumption, judge_held, judge_workers
from orders_sync.domain.steps import Queue
from orders_sync.ledger.accounts import LastRun

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ALL = [*Queue, "celery"]


@pytest.mark.parametrize(
    ("info", "state", "words"),
    [
        pytest.param(
            {"redis_version": "7.2.4", "valkey_version": "9.1.2"},
            State.OK,
            "Valkey 9.1.2 at here",
            id="Valkey",
        ),
        pytest.param({"redis_version": "6.2.0"}, State.OK, "Redis 6.2.0", id="the oldest Redis"),
        pytest.param({"redis_version": "5.0.14"}, State.FAILED, "Redis 5.0.14", id="an older one"),
        pytest.param({}, State.FAILED, "Redis 0", id="a server that does not say"),
    ],
)
def test_the_server_must_be_new_enough(info: dict[str, Any], state: State, words: str) -> None:
    finding = judge_version(info, "here")

    assert finding.state is state
    assert words in finding.says


@pytest.mark.parametrize(
    ("info", "state"),
    [
        pytest.param({"aof_enabled": 1, "aof_last_write_status": "ok"}, State.OK, id="kept"),
        pytest.param({"aof_enabled": 1, "aof_last_write_status": "err"}, State.FAILED, id="full"),
        pytest.param({"aof_enabled": 0}, State.WARNING, id="not kept"),
    ],
)
def test_messages_must_outlive_a_restart(info: dict[str, Any], state: State) -> None:
    assert judge_persistence(info).state is state


@pytest.mark.parametrize(
    ("policy", "state"), [("noeviction", State.OK), ("allkeys-lru", State.WARNING)]
)
def test_the_server_must_not_throw_messages_away(policy: str, state: State) -> None:
    assert judge_memory({"maxmemory_policy": policy}).state is state


@pytest.mark.parametrize(
    ("taken", "states", "words"),
    [
        pytest.param({"one": ALL}, [State.OK, State.OK], "every queue", id="one for all"),
        pytest.param(
            {"one": ALL[:4], "two": ALL[4:]}, [State.OK, State.OK], "every queue", id="two"
        ),
        pytest.param(
            {"one": [q for q in ALL if q not in {"erp", "celery"}]},
            [State.OK, State.FAILED],
            "nobody takes from erp, celery",
            id="queues that nobody serves",
        ),
        pytest.param({}, [State.FAILED], "none answers", id="no worker"),
    ],
)
def test_every_queue_needs_a_worker(
    taken: dict[str, list[str]], states: list[State], words: str
) -> None:
    findings = list(judge_workers(taken, "celery"))

    assert [finding.state for finding in findings] == states
    assert words in findings[-1].says


@pytest.mark.parametrize(
    ("last", "poll_seconds", "state"),
    [
        pytest.param(LastRun(NOW - 5 * SECOND), 1, State.OK, id="lately"),
        pytest.param(
            LastRun(NOW - 90 * SECOND, NOW + 30 * SECOND),
            1,
            State.OK,
            id="it rests",
        ),
        pytest.param(LastRun(NOW - 90 * SECOND, due_at=NOW + SECOND), 1, State.OK, id="it is idle"),
        pytest.param(
            LastRun(NOW - 90 * SECOND, due_at=NOW - 61 * SECOND),
            1,
            State.FAILED,
            id="it was due a minute ago",
        ),
        pytest.param(LastRun(NOW - 61 * SECOND), 30, State.OK, id="two slow ticks ago"),
        pytest.param(None, 1, State.FAILED, id="never"),
    ],
)
def test_beat_is_alive_while_feeds_are_polled(
    last: LastRun | None, poll_seconds: float, state: State
) -> None:
    polls = {} if last is None else {"mystore": last}

    assert judge_polls("mystore", polls, poll_seconds, now=NOW).state is state


@pytest.mark.parametrize(
    ("silent", "states"),
    [
        pytest.param({"one@a": 3.0, "two@a": 89.0}, [State.OK], id="all consume"),
        pytest.param({"one@a": 3.0, "two@a": 91.0}, [State.FAILED], id="one is deaf"),
        pytest.param({}, [], id="there is none, which is said elsewhere"),
    ],
)
def test_a_worker_that_lives_must_consume(silent: dict[str, float], states: list[State]) -> None:
    living = [LivingWorker(node, seconds) for node, seconds in silent.items()]

    findings = list(judge_consumption(living, 90))

    assert [finding.state for finding in findings] == states


def test_a_deaf_worker_is_named_with_what_to_do() -> None:
    living = [LivingWorker("one@a", 3), LivingWorker("two@a", 500.4)]

    (finding,) = judge_consumption(living, 90)

    assert finding.says == "alive, but deaf to the broker: two@a for 500 s"
    assert "Restart" in (finding.do or "")


@pytest.mark.parametrize(
    ("held", "states"),
    [
        pytest.param([(), (120.0, 3.0)], [State.OK], id="each ends in time"),
        pytest.param([(), (121.0, 3.0)], [State.WARNING], id="one does not"),
        pytest.param([], [], id="there is no worker, which is said elsewhere"),
    ],
)
def test_a_message_must_not_be_in_hand_for_longer_than_a_lease(
    held: list[tuple[float, ...]], states: list[State]
) -> None:
    living = [LivingWorker(f"{n}@a", 0, seconds) for n, seconds in enumerate(held)]

    assert [finding.state for finding in judge_held(living, 120)] == states
