"""A worker that is asked to stop ends what runs and gives back the rest; a second time forces."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.killing import Workers, workers
from support.plant import running_plant
from support.waiting import until

from orders_sync.demo.stage import BROKER
from orders_sync.embedded.processes import Child

THREADS = 10


@contextmanager
def silent(server: Child | None) -> Iterator[None]:
    """Have a server stand still for a while: whoever asks it is neither answered nor refused."""
    assert server is not None
    assert server.pid is not None
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


@pytest.fixture
def crew(tmp_path: Path) -> Iterator[Workers]:
    with workers(tmp_path, PREFETCH="2") as crew:
        yield crew


def test_what_has_not_begun_is_given_back_while_the_rest_still_runs(crew: Workers) -> None:
    worker = crew.start(threads=THREADS)
    until(lambda: "ready" in crew.log, "it takes messages")
    crew.send(range(THREADS), seconds=20, queue="one")
    until(lambda: len(crew.numbers("begun")) == THREADS, "every thread is busy")
    crew.send(range(100, 105), queue="one")
    until(lambda: crew.held() == 5, "the rest waits for a thread")

    worker.send_signal(signal.SIGTERM)
    until(lambda: crew.redis.llen("one") == 5, "what has not begun is back", seconds=30)
    still_running = crew.redis.hlen("unacked")
    status = worker.wait(60)

    assert still_running == THREADS
    assert sorted(crew.numbers("done")) == list(range(THREADS))
    assert crew.redis.hlen("unacked") == 0
    assert crew.redis.llen("one") == 5
    assert not any(b'"takes"' in raw for raw in crew.redis.lrange("one", 0, -1))
    assert status == 0


def test_a_second_signal_ends_it_at_once_and_others_go_on_with_what_it_had(crew: Workers) -> None:
    worker = crew.start(threads=THREADS)
    crew.send(range(THREADS), seconds=600)
    until(lambda: len(crew.numbers("begun")) == THREADS, "every thread is busy")
    worker.send_signal(signal.SIGTERM)
    until(lambda: "Warm shutdown" in crew.log, "it stops")
    crew.start(threads=THREADS)

    worker.send_signal(signal.SIGTERM)
    status = worker.wait(30)

    assert status == 1
    until(lambda: len(crew.numbers("begun")) == 2 * THREADS, "all has begun anew", seconds=60)
    assert set(crew.numbers("begun")) == set(range(THREADS))
    assert crew.numbers("done") == []


def test_a_worker_ends_whose_broker_is_silent(crew: Workers) -> None:
    worker = crew.start("--heartbeat-interval=1")
    until(lambda: "ready" in crew.log, "it takes messages")
    with silent(crew.broker.child):
        worker.send_signal(signal.SIGTERM)
        status = worker.wait(60)

    assert status == 0


#: A worker that was told to stop, and hangs before it hears of that.
HANGS = """
import threading
from celery import signals
from orders_sync.broker.consumer import SureEnd
end = SureEnd(None)
signals.worker_shutting_down.send(None)
threading.Event().wait()
"""


def test_a_worker_that_runs_nothing_ends_wherever_it_hangs() -> None:
    argv = [sys.executable, "-c", HANGS]

    ended = subprocess.run(argv, timeout=60, capture_output=True, text=True, check=False)

    assert ended.returncode == 0
    assert ended.stderr == "orders-sync: ended without a goodbye: the broker does not answer.\n"


def test_beat_ends_whose_broker_is_silent(tmp_path: Path) -> None:
    with running_plant(tmp_path) as plant:
        beat = plant.start_beat()
        until((plant.home / "beat.pulse").exists, "it sends")
        with silent(plant.children[BROKER]):
            beat.terminate()
            until(lambda: beat.exit_status() is not None, "it has ended", seconds=60)

        assert beat.exit_status() == 0
