"""A worker that lives and consumes nothing is replaced; one that has a reason is not."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis.exceptions import RedisError
from support.killing import Workers, workers
from support.waiting import until

from orders_sync.broker.liveness import living_workers
from orders_sync.embedded.processes import Child
from orders_sync.embedded.supervisor import RestartDelays, Supervisor, read_stamp

SILENCE = 12.0

Supervised = Callable[[Workers], Child]


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(tmp_path: Path, said: list[str]) -> Iterator[Supervisor]:
    supervisor = Supervisor(
        tmp_path / "run",
        say=said.append,
        delays=RestartDelays(first=0.1),
        finish_seconds=1,
        silence_seconds=SILENCE,
    )
    yield supervisor
    supervisor.stop()


def attended(supervisor: Supervisor, is_so: Callable[[], object]) -> Callable[[], object]:
    """Have the supervisor do its work while something is waited for."""

    def look() -> object:
        supervisor.tend()
        return is_so()

    return look


def is_answering(crew: Workers) -> bool:
    try:
        return bool(crew.redis.ping())
    except RedisError:
        return False


def test_a_busy_worker_is_not_replaced_however_long_its_tasks_take(
    tmp_path: Path, supervisor: Supervisor, said: list[str]
) -> None:
    with workers(tmp_path) as crew:
        worker = supervisor.start(crew.spec(threads=2))
        first = worker.pid

        crew.send(range(2), seconds=SILENCE * 1.5)
        until(attended(supervisor, lambda: len(crew.numbers("done")) == 2), "both are done")

        assert said == []
        assert worker.pid == first


def test_a_worker_whose_tasks_never_end_is_known_to_be_deaf_and_replaced(
    tmp_path: Path, supervisor: Supervisor, said: list[str]
) -> None:
    with workers(tmp_path, VISIBILITY="2") as crew:
        worker = supervisor.start(crew.spec(threads=1))
        first = worker.pid

        crew.send(range(1), seconds=1000)
        until(attended(supervisor, lambda: said), "it is deaf")
        (known,) = living_workers(crew.redis, heard_of_seconds=60)
        until(attended(supervisor, lambda: supervisor.restarts == 1), "it is replaced")

        assert known.node == "supervised@test"
        assert known.silent_seconds > SILENCE / 2
        assert [seconds > SILENCE / 2 for seconds in known.held_seconds] == [True]
        assert "worker1 has not heard from the broker for" in said[0]
        assert worker.pid != first


def test_a_worker_that_hangs_as_a_whole_is_replaced_and_its_messages_go_on(
    tmp_path: Path, supervisor: Supervisor, said: list[str]
) -> None:
    with workers(tmp_path) as crew:
        worker = supervisor.start(crew.spec())
        crew.send(range(1))
        until(lambda: crew.numbers("done") == [0], "it works")

        os.kill(worker.pid or 0, signal.SIGSTOP)
        crew.send(range(1, 4))
        until(
            attended(supervisor, lambda: set(crew.numbers("done")) == {0, 1, 2, 3}), "all is done"
        )

        assert "It is replaced." in said[0]
        assert "worker1 ended (signal 9)" in said[1]


def broker_of(crew: Workers) -> Child:
    assert crew.broker.child is not None
    return crew.broker.child


@pytest.mark.parametrize(
    ("away", "back"),
    [
        pytest.param(
            lambda crew: broker_of(crew).kill(),
            lambda crew: broker_of(crew).start(),
            id="it is down",
        ),
        pytest.param(
            lambda crew: os.kill(broker_of(crew).pid or 0, signal.SIGSTOP),
            lambda crew: os.kill(broker_of(crew).pid or 0, signal.SIGCONT),
            id="it hangs",
        ),
        # As one does whose disk is full, or that lost its replicas.
        pytest.param(
            lambda crew: crew.redis.config_set("min-replicas-to-write", 1),
            lambda crew: crew.redis.config_set("min-replicas-to-write", 0),
            id="it refuses",
        ),
    ],
)
def test_a_worker_that_waits_for_its_broker_is_left_alone_and_finds_back_by_itself(
    tmp_path: Path,
    supervisor: Supervisor,
    said: list[str],
    away: Callable[[Workers], object],
    back: Callable[[Workers], object],
) -> None:
    with workers(tmp_path) as crew:
        spec = crew.spec()
        worker = supervisor.start(spec)
        first = worker.pid
        crew.send(range(1))
        until(lambda: crew.numbers("done") == [0], "it works")
        assert spec.pulse is not None

        away(crew)
        stamps: set[int | None] = set()
        until(attended(supervisor, lambda: _seen(stamps, spec.pulse) >= 5), "it tries in vain")
        back(crew)
        until(lambda: is_answering(crew), "the broker is back")
        crew.send(range(1, 4))
        until(
            attended(supervisor, lambda: set(crew.numbers("done")) == {0, 1, 2, 3}), "all is done"
        )

        assert said == []
        assert worker.pid == first


def _seen(stamps: set[int | None], pulse: Path | None) -> int:
    """Tell how many pulses were seen so far."""
    assert pulse is not None
    stamps.add(read_stamp(pulse))
    return len(stamps)
