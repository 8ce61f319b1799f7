"""Starts and stops the processes of a home folder: for a demo, tests, benchmarks and chaos."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final, Self

import requests

from orders_sync.embedded import process_list
from orders_sync.embedded.broker import EmbeddedBroker, free_port
from orders_sync.embedded.home import logs_folder, run_folder
from orders_sync.embedded.processes import Child, ProcessSpec
from orders_sync.embedded.supervisor import RestartDelays, Supervisor
from orders_sync.errors import OrdersSyncError
from orders_sync.settings import child_environment

BROKER: Final = "broker"
GATEWAY: Final = "gateway"

_START_DEADLINE_SECONDS: Final = 120.0
_LOOK_EVERY_SECONDS: Final = 0.1
_FINISH_SECONDS: Final = 20.0
_DELAYS: Final = RestartDelays(first=0.5, cap=0.5)


class StageFailed(OrdersSyncError):
    """Raised when something that was started is not ready in time."""


class Stage:
    """Starts processes one after the other, and stops all of them when it is left.

    `environment` is what a process is given where nothing else is. `folder` is where they run; None
    is this process's own. `children` has them by name, `say` is told what ended. What ended is
    started again by `pause`, and by nothing else. At the end, what works has `finish_seconds`; what
    is in the `stack` is left before that.
    """

    def __init__(
        self,
        home: Path,
        environment: Mapping[str, str] | None = None,
        *,
        folder: Path | None = None,
        say: Callable[[str], None] = lambda _: None,
        pause: Callable[[float], None] = time.sleep,
        delays: RestartDelays = _DELAYS,
        finish_seconds: float = _FINISH_SECONDS,
    ) -> None:
        self.home = home
        self.environment = dict(child_environment() if environment is None else environment)
        self.children: dict[str, Child] = {}
        self.stack = ExitStack()
        self._folder = folder
        self._pause = pause
        self._supervisor = Supervisor(
            run_folder(home), say=say, delays=delays, finish_seconds=finish_seconds
        )
        self.stack.callback(self.stop_processes)

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop everything."""
        self.stop()

    @property
    def restarts(self) -> int:
        """How often a process was started again."""
        return self._supervisor.restarts

    def start_broker(self, *, persistent: bool = True) -> str:
        """Start the embedded broker; return its URL."""
        broker = EmbeddedBroker(self.home, persistent=persistent)
        url = broker.start(pause=self._pause)
        if broker.child is not None:
            self._supervisor.watch(broker.child)
            self.children[BROKER] = broker.child
        return url

    def start_sandbox(
        self,
        account: str,
        *,
        name: str = "sandbox",
        seed: int = 1,
        chaos: str = "off",
        requests_per_minute: int | None = None,
    ) -> str:
        """Start a sandbox, which nothing goes on without; return its address."""
        argv = process_list.sandbox(
            account=account, seed=seed, chaos=chaos, requests_per_minute=requests_per_minute
        )
        child = self.run(replace(self.spec(name, argv), vital=True, stops_last=True))
        self.wait_for(lambda: _first_address(child.spec.log) is not None, f"the {name}")
        return _first_address(child.spec.log) or ""

    def start_gateway(self) -> str:
        """Start the HTTP gateway; return its address, which it keeps when it is started again."""
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        self.start(GATEWAY, process_list.gateway(port))
        self.wait_for(lambda: gateway_answers(url), "the gateway")
        return url

    def start(
        self,
        name: str,
        argv: tuple[str, ...],
        environment: Mapping[str, str] | None = None,
        /,
        **changes: str,
    ) -> Child:
        """Start a process with changes of its environment."""
        spec = self.spec(name, argv, environment)
        return self.run(replace(spec, env={**spec.env, **changes}))

    def spec(
        self, name: str, argv: tuple[str, ...], environment: Mapping[str, str] | None = None
    ) -> ProcessSpec:
        """Return a process of the stage, whose log has its name."""
        log = logs_folder(self.home) / f"{name}.log"
        env = self.environment if environment is None else environment
        return ProcessSpec(name, argv, log, env, self._folder)

    def run(self, spec: ProcessSpec) -> Child:
        """Start a process."""
        child = self._supervisor.start(spec)
        self.children[spec.name] = child
        return child

    def kill(self, name: str) -> bool:
        """Kill a process; return False where it does not run."""
        return self._supervisor.kill(name)

    def pause(self, seconds: float) -> None:
        """Wait, and keep everything running meanwhile."""
        self._supervisor.tend()
        self._pause(seconds)

    def wait_for(self, is_there: Callable[[], bool], what: str) -> None:
        """Wait until something holds.

        Raises:
            StageFailed: it does not hold in time.
        """
        deadline = time.monotonic() + _START_DEADLINE_SECONDS
        while not is_there():
            if time.monotonic() > deadline:
                raise StageFailed(
                    f"Waited {_START_DEADLINE_SECONDS:g} s for {what} in vain; "
                    f"the logs say why: {logs_folder(self.home)}"
                )
            self.pause(_LOOK_EVERY_SECONDS)

    def stop_processes(self) -> None:
        """Stop all processes: first those that work, then what they need."""
        self._supervisor.stop()

    def stop(self) -> None:
        """Leave all that is in the stack, and stop all processes."""
        self.stack.close()


def gateway_answers(url: str) -> bool:
    """Check whether a gateway serves calls."""
    try:
        return requests.get(f"{url}/livez", timeout=_LOOK_EVERY_SECONDS * 10).ok
    except requests.RequestException:
        return False


def _first_address(log: Path) -> str | None:
    """Find the address that a process printed; None until it did so with the whole line."""
    for line in log.read_text(errors="replace").splitlines(keepends=True):
        if line.startswith("http://") and line.endswith("\n"):
            return line.split()[0]
    return None
