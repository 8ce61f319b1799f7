"""The command line of each process; the Procfile and docker-compose.yml start the same ones."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from orders_sync.settings_parts import RetrySettings

_CELERY = ("celery", "--quiet", "-A", "orders_sync")

#: Threads of a worker process: they wait for HTTP most of the time.
_CONCURRENCY = 10


def worker(number: int, log_level: str, intake_queue: str = "celery") -> tuple[str, ...]:
    """Give the command of worker `number`, which takes from every queue.

    `intake_queue` is where other services leave their commands.

    Gossip and mingle cost time at every start, and nothing here uses them.
    """
    return _python(
        *_CELERY,
        "worker",
        "--pool=threads",
        f"--concurrency={_CONCURRENCY}",
        f"--queues={','.join([*RetrySettings.model_fields, intake_queue])}",
        f"--hostname=worker{number}@%h",
        "--without-gossip",
        "--without-mingle",
        f"--loglevel={log_level}",
    )


def worker_node(number: int) -> str:
    """Give the Celery name that worker `number` has on this machine."""
    return f"worker{number}@{socket.gethostname()}"


def beat(log_level: str) -> tuple[str, ...]:
    """Give the command of beat, with a schedule that is kept in memory and in no file."""
    return _python(*_CELERY, "beat", "--scheduler=celery.beat:Scheduler", f"--loglevel={log_level}")


def flower(port: int) -> tuple[str, ...]:
    """Give the command of Flower, for this machine only; FLOWER_BASIC_AUTH holds its password.

    https://flower.readthedocs.io/en/latest/auth.html
    """
    return _python(*_CELERY, "flower", "--address=127.0.0.1", f"--port={port}")


def gateway(port: int) -> tuple[str, ...]:
    """Give the command of the HTTP gateway, for this machine only."""
    return _python("orders_sync", "serve", "--address=127.0.0.1", f"--port={port}")


def sandbox(
    *, account: str, seed: int, chaos: str, requests_per_minute: int | None = None
) -> tuple[str, ...]:
    """Give the command of the sandbox, which prints its address as its first line."""
    limit = () if requests_per_minute is None else (f"--requests-per-minute={requests_per_minute}",)
    return _python(
        "orders_sync",
        "sandbox",
        "--port=0",
        f"--account={account}",
        f"--seed={seed}",
        f"--chaos={chaos}",
        *limit,
    )


def other_service(outbox: Path, *, once: bool = False) -> tuple[str, ...]:
    """Give the command of a demo's other service, which sends what it finds in its outbox.

    With `once` it leaves the only copy of a message to the broker.
    """
    how_often = ("once",) if once else ()
    return _python("orders_sync.demo.other_service", str(outbox), *how_often)


def _python(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", *arguments)
