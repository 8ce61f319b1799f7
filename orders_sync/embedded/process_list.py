"""The processes of one home folder, and the command line of each.

The Procfile and docker-compose.yml start the same ones.
"""

from __future__ import annotations

import secrets
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from orders_sync.broker.liveness import pulse_file
from orders_sync.embedded.home import beat_pulse_file, logs_folder, run_folder, write_privately
from orders_sync.embedded.processes import ProcessSpec
from orders_sync.settings_parts import RetrySettings

_FLOWER_AUTH = "FLOWER_BASIC_AUTH"
_FLOWER_USER = "orders-sync"


@dataclass(frozen=True, slots=True)
class ProcessList:
    """The workers, beat, Flower and the gateway of a home folder, with their environment.

    Without a port there is no Flower, or no gateway.
    """

    home: Path
    env: Mapping[str, str] = field(repr=False)
    workers: int
    flower_port: int | None
    log_level: str
    gateway_port: int | None = None
    folder: Path | None = None
    intake_queue: str = "celery"

    def specs(self) -> list[ProcessSpec]:
        """Return how each process is started."""
        specs = [self._worker(number) for number in range(1, self.workers + 1)]
        spec = self._spec("beat", beat(self.log_level), self.env)
        specs.append(replace(spec, pulse=beat_pulse_file(self.home)))
        if self.flower_port is not None:
            env = {_FLOWER_AUTH: flower_login(self.home), **self.env}
            specs.append(self._spec("flower", flower(self.flower_port), env))
        if self.gateway_port is not None:
            specs.append(self._spec("gateway", gateway(self.gateway_port), self.env))
        return specs

    @property
    def worker_names(self) -> list[str]:
        """The names of the worker processes."""
        return [f"worker{number}" for number in range(1, self.workers + 1)]

    def _worker(self, number: int) -> ProcessSpec:
        argv = worker(number, self.log_level, self.intake_queue)
        pulse = pulse_file(run_folder(self.home), worker_node(number))
        return replace(self._spec(f"worker{number}", argv, self.env), pulse=pulse)

    def _spec(self, name: str, argv: tuple[str, ...], env: Mapping[str, str]) -> ProcessSpec:
        log = logs_folder(self.home) / f"{name}.log"
        return ProcessSpec(name=name, argv=argv, log=log, env=env, folder=self.folder)


def flower_login(home: Path) -> str:
    """Return Flower's `user:password` of this home folder; make one up the first time.

    Flower can run any task and stop any worker, so it is never open to everybody.
    """
    path = flower_login_file(home)
    if not path.exists():
        write_privately(path, f"{_FLOWER_USER}:{secrets.token_urlsafe(16)}")
    return path.read_text()


def flower_login_file(home: Path) -> Path:
    """Return the file with Flower's `user:password`, which only its owner may read."""
    return home / "flower.login"


_CELERY = ("celery", "--quiet", "-A", "orders_sync")

#: Threads of a worker process: they wait for HTTP most of the time.
_CONCURRENCY = 10


def worker(number: int, log_level: str, intake_queue: str = "celery") -> tuple[str, ...]:
    """Return the command of worker `number`, which takes from every queue.

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
    """Return the Celery name that worker `number` has on this machine."""
    return f"worker{number}@{socket.gethostname()}"


def beat(log_level: str) -> tuple[str, ...]:
    """Return the command of beat, with a schedule that is kept in memory and in no file."""
    return _python(*_CELERY, "beat", "--scheduler=celery.beat:Scheduler", f"--loglevel={log_level}")


def flower(port: int) -> tuple[str, ...]:
    """Return the command of Flower, for this machine only; FLOWER_BASIC_AUTH holds its password.

    https://flower.readthedocs.io/en/latest/auth.html
    """
    return _python(*_CELERY, "flower", "--address=127.0.0.1", f"--port={port}")


def gateway(port: int) -> tuple[str, ...]:
    """Return the command of the HTTP gateway, for this machine only."""
    return _python("orders_sync", "serve", "--address=127.0.0.1", f"--port={port}")


def sandbox(
    *, account: str, seed: int, chaos: str, requests_per_minute: int | None = None
) -> tuple[str, ...]:
    """Return the command of the sandbox, which prints its address as its first line."""
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
    """Return the command of a demo's other service, which sends what it finds in its outbox.

    With `once` it leaves the only copy of a message to the broker.
    """
    how_often = ("once",) if once else ()
    return _python("orders_sync.demo.other_service", str(outbox), *how_often)


def _python(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", *arguments)
