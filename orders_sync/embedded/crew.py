"""The processes that do the work of one home folder: workers, beat, Flower and the gateway."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from orders_sync.broker.pulse import pulse_file
from orders_sync.embedded import commands
from orders_sync.embedded.home import beat_pulse_file, logs_folder, run_folder, write_privately
from orders_sync.embedded.processes import ProcessSpec

_FLOWER_AUTH = "FLOWER_BASIC_AUTH"
_FLOWER_USER = "orders-sync"


@dataclass(frozen=True, slots=True)
class Crew:
    """Who works, where, and with which environment.

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
        """Say how each process is started."""
        specs = [self._worker(number) for number in range(1, self.workers + 1)]
        beat = self._spec("beat", commands.beat(self.log_level), self.env)
        specs.append(replace(beat, pulse=beat_pulse_file(self.home)))
        if self.flower_port is not None:
            env = {_FLOWER_AUTH: flower_login(self.home), **self.env}
            specs.append(self._spec("flower", commands.flower(self.flower_port), env))
        if self.gateway_port is not None:
            specs.append(self._spec("gateway", commands.gateway(self.gateway_port), self.env))
        return specs

    @property
    def worker_names(self) -> list[str]:
        """Name the worker processes."""
        return [f"worker{number}" for number in range(1, self.workers + 1)]

    def _worker(self, number: int) -> ProcessSpec:
        argv = commands.worker(number, self.log_level, self.intake_queue)
        pulse = pulse_file(run_folder(self.home), commands.worker_node(number))
        return replace(self._spec(f"worker{number}", argv, self.env), pulse=pulse)

    def _spec(self, name: str, argv: tuple[str, ...], env: Mapping[str, str]) -> ProcessSpec:
        log = logs_folder(self.home) / f"{name}.log"
        return ProcessSpec(name=name, argv=argv, log=log, env=env, folder=self.folder)


def flower_login(home: Path) -> str:
    """Give Flower's `user:password` of this home folder; the first time, make one up.

    Flower can run any task and stop any worker, so it is never open to everybody.
    """
    path = flower_login_file(home)
    if not path.exists():
        write_privately(path, f"{_FLOWER_USER}:{secrets.token_urlsafe(16)}")
    return path.read_text()


def flower_login_file(home: Path) -> Path:
    """Give the file that only its owner may read, with Flower's `user:password`."""
    return home / "flower.login"
