"""Workers of a tiny app, killed while they are busy.

By hand, with `tests` on the path: `python -m support.killing stock 12` tells how many messages the
transport `stock` or `safe` loses in twelve kills.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import kombu
from celery import Celery
from redis import Redis
from support.waiting import until

from orders_sync.broker.liveness import pulse_file
from orders_sync.embedded.broker import EmbeddedBroker
from orders_sync.embedded.processes import ProcessSpec
from orders_sync.settings import child_environment

_kombu: Any = kombu  # Its types are not complete.

QUEUES = ("one", "two", "three")

_TESTS = Path(__file__).parents[1]


class Workers:
    """A broker, and worker processes of the tiny app on it."""

    def __init__(self, home: Path, transport: str = "safe", **environment: str) -> None:
        self.home = home
        self.broker = EmbeddedBroker(home)
        self.url = self.broker.start()
        self.redis: Any = Redis.from_url(self.url)
        self._environment = child_environment(
            BROKER_URL=self.url,
            PULSES=str(home),
            TRANSPORT=transport,
            PYTHONPATH=f"{_TESTS}:{_TESTS.parent}",
            **environment,
        )
        self._processes: list[subprocess.Popen[bytes]] = []
        self._producer = Celery("producer", broker=self.url, set_as_current=False)

    def start(
        self, *options: str, threads: int = 10, transport: str | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a worker with options of its command line; its words go to `log`."""
        changes = {} if transport is None else {"TRANSPORT": transport}
        with (self.home / "workers.log").open("ab") as log:
            process = subprocess.Popen(
                [*_command(f"w{len(self._processes)}@test", threads), *options],
                env={**self._environment, **changes},
                cwd=self.home,
                stdout=log,
                stderr=log,
            )
        self._processes.append(process)
        return process

    def spec(self, *, threads: int = 2) -> ProcessSpec:
        """Return the process of a worker for a supervisor."""
        return ProcessSpec(
            name="worker1",
            argv=tuple(_command("supervised@test", threads)),
            log=self.home / "workers.log",
            env=self._environment,
            folder=self.home,
            pulse=pulse_file(self.home, "supervised@test"),
        )

    def send(
        self,
        numbers: range,
        *,
        seconds: float = 0.0,
        queue: str | None = None,
    ) -> None:
        """Send a task for each number, to the queues in turn or to one."""
        with self._producer.connection_for_write() as connection:
            producer = self._producer.amqp.Producer(connection, auto_declare=False)
            for number in numbers:
                self._producer.send_task(
                    "tiny.mark",
                    (number, seconds),
                    queue=_kombu.Queue(queue or QUEUES[number % len(QUEUES)], no_declare=True),
                    producer=producer,
                )

    def held(self) -> int:
        """Count the tasks that the workers have and have not begun."""
        answers = self._producer.control.inspect(timeout=2).reserved() or {}
        return sum(map(len, answers.values()))

    @property
    def log(self) -> str:
        """What all workers have said."""
        return (self.home / "workers.log").read_text()

    def numbers(self, key: str) -> list[int]:
        """The numbers that have `begun`, or are `done`, in their order."""
        return [int(number) for number in self.redis.lrange(key, 0, -1)]

    def is_idle(self) -> bool:
        """Check whether nothing waits and nothing is in hand, at one and the same instant."""
        with self.redis.pipeline() as pipe:
            for queue in QUEUES:
                pipe.llen(queue)
            return not any(pipe.hlen("unacked").execute())

    def close(self) -> None:
        """End everything."""
        for process in self._processes:
            process.kill()
            process.wait()
        self.broker.stop()


def _command(node: str, threads: int) -> list[str]:
    return [
        *(sys.executable, "-m", "celery", "-A", "support.tiny_app", "worker", "-l", "info"),
        *("-P", "threads", "-c", str(threads), "-Q", ",".join(QUEUES), "-n", node),
        *("--without-gossip", "--without-mingle"),
    ]


@contextmanager
def workers(home: Path, transport: str = "safe", **environment: str) -> Iterator[Workers]:
    """Yield a broker and its workers, for a while."""
    them = Workers(home, transport, **environment)
    try:
        yield them
    finally:
        them.close()


def has_done(them: Workers, number: int) -> bool:
    """Check whether so many tasks are done."""
    return bool(them.redis.llen("done") >= number)


def lost_in_kills(them: Workers, kills: int, *, seed: int) -> int:
    """Kill workers at moments drawn from a seed; tell how many messages were never worked on."""
    draw = random.Random(seed)
    sent = 0
    for _ in range(kills):
        them.send(range(sent, sent + 300), seconds=0.002)
        sent += 300
        victim = them.start()
        target = them.redis.llen("done") + draw.randrange(20, 250)
        until(partial(has_done, them, target), "the worker is busy", seconds=30)
        victim.kill()
        victim.wait()
    them.start()
    until(them.is_idle, "all is worked on", seconds=60)
    return len(set(range(sent)) - set(them.numbers("done")))


if __name__ == "__main__":
    with (
        tempfile.TemporaryDirectory() as folder,
        workers(Path(folder), sys.argv[1], VISIBILITY="3") as tried,
    ):
        number = int(sys.argv[2])
        lost = lost_in_kills(tried, number, seed=int(sys.argv[3]) if len(sys.argv) > 3 else 1)
        sys.stdout.write(f"{sys.argv[1]}: {number} kills, {lost} lost\n")
