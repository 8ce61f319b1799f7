"""What the benchmarks share: broker, sandbox, workers and beat as real processes, and their CPU."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import requests

from orders_sync.embedded import process_list
from orders_sync.embedded.broker import EmbeddedBroker, free_port
from orders_sync.embedded.processes import Child, ProcessSpec
from orders_sync.ledger.migrate import upgrade
from orders_sync.settings import child_environment

STORE = "mystore"
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Sandbox:
    """A VTEX in a box."""

    url: str
    session: requests.Session

    def admin(self, method: str, path: str, **payload: Any) -> Any:
        """Ask the sandbox's admin API."""
        answer = self.session.request(
            method, f"{self.url}/_sandbox/{path}", json=payload or None, timeout=120
        )
        answer.raise_for_status()
        return answer.json()


@dataclass
class Plant:
    """Running processes: `ours` are the broker, the workers, beat, and the gateway if there is one.

    `environment` is what our processes are given.
    """

    home: Path
    broker_url: str
    vtex: Sandbox
    ours: list[Child]
    environment: Mapping[str, str]
    gateway_url: str | None = None

    @property
    def vtex_url(self) -> str:
        """The address of VTEX."""
        return self.vtex.url

    def admin(self, method: str, path: str, **payload: Any) -> Any:
        """Ask the admin API of the plant's own sandbox."""
        return self.vtex.admin(method, path, **payload)

    def orders(self) -> list[dict[str, Any]]:
        """Give every order as the sandbox saw it."""
        found: list[dict[str, Any]] = self.admin("GET", "orders")["orders"]
        return found

    def cpu_seconds(self) -> float:
        """Sum the processor time that our processes have used."""
        return sum(cpu_of(child.pid) for child in self.ours if child.pid)

    def cpu_by_process(self) -> Mapping[str, float]:
        """Give the processor time that each process has used."""
        return {child.spec.name: cpu_of(child.pid) for child in self.ours if child.pid}

    def peak_mib(self) -> Mapping[str, float]:
        """Give the peak memory of each process."""
        return {child.spec.name: _peak_of(child.pid) for child in self.ours if child.pid}


@contextmanager
def running_sandbox(
    vtex_per_minute: int | None = None, *, account: str = STORE, seed: int = 1
) -> Iterator[Sandbox]:
    """Run a sandbox, with a budget of calls or without; another `seed` makes other orders."""
    with tempfile.TemporaryDirectory(prefix="orders-sync-bench-") as home:
        argv = process_list.sandbox(
            account=account, seed=seed, chaos="off", requests_per_minute=vtex_per_minute
        )
        sandbox = _start(Path(home), "sandbox", argv, {})
        try:
            with requests.Session() as session:
                yield Sandbox(_first_line(sandbox.spec.log), session)
        finally:
            sandbox.kill()


@contextmanager
def running_plant(
    workers: int = 2,
    *,
    flower: bool = False,
    gateway: bool = False,
    vtex_per_minute: int | None = None,
    more_accounts: Sequence[str] = (),
    environment: Mapping[str, str] = MappingProxyType({}),
    **settings: str,
) -> Iterator[Plant]:
    """Run everything in a folder of its own; `settings` are ORDERS_SYNC_* without the prefix.

    `vtex_per_minute` is the sandbox's budget of calls. `more_accounts` are in the same sandbox,
    each with a key of its own. `environment` is what else our processes are given.
    """
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="orders-sync-bench-")))
        broker = EmbeddedBroker(home)
        broker_url = broker.start()
        stack.callback(broker.stop)
        vtex = stack.enter_context(running_sandbox(vtex_per_minute))
        accounts: dict[str, str] = {}
        for name in (STORE, *more_accounts):
            accounts |= _account(name, vtex.url)
        env = {**environment, **_environment(home, broker_url, {**accounts, **settings})}
        upgrade(f"sqlite:///{home / 'ledger.sqlite3'}")
        crew = [
            _start(home, f"worker{number}", process_list.worker(number, "warning"), env)
            for number in range(1, workers + 1)
        ]
        crew.append(_start(home, "beat", process_list.beat("warning"), env))
        if flower:
            env["FLOWER_BASIC_AUTH"] = "bench:mark"
            crew.append(_start(home, "flower", process_list.flower(free_port()), env))
        gateway_url = None
        if gateway:
            crew.append(_start(home, "gateway", process_list.gateway(0), env))
            gateway_url = _first_line(crew[-1].spec.log)
        for child in crew:
            stack.callback(child.kill)
        ours = [*crew, *([broker.child] if broker.child else [])]
        plant = Plant(home, broker_url, vtex, ours, env, gateway_url)
        until(lambda: plant.admin("GET", "report")["feed"]["configured"], "the feed is configured")
        yield plant


def until(holds: Callable[[], bool], what: str, seconds: float = 600.0) -> None:
    """Look until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit(f"After {seconds:.0f} s not yet: {what}.")
        time.sleep(0.1)


def percentile(values: list[float], share: float) -> float:
    """Give the value that `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def _start(home: Path, name: str, argv: tuple[str, ...], env: Mapping[str, str]) -> Child:
    log = home / "logs" / f"{name}.log"
    spec = ProcessSpec(name=name, argv=argv, log=log, env={**child_environment(), **env})
    child = Child(spec, home / "run")
    child.start()
    return child


def _account(name: str, vtex_url: str) -> dict[str, str]:
    prefix = f"ACCOUNTS__{name.upper()}"
    return {
        f"{prefix}__APP_KEY": f"key-of-{name}",
        f"{prefix}__APP_TOKEN": "token",
        f"{prefix}__BASE_URL": vtex_url,
        # What the work costs is measured, not how well it waits for VTEX's budget.
        f"{prefix}__REQUESTS_PER_MINUTE": "1000000",
    }


def _environment(home: Path, broker_url: str, settings: Mapping[str, str]) -> dict[str, str]:
    values = {
        "HOME": str(home),
        "BROKER_URL": broker_url,
        "LOG_LEVEL": "warning",
        **settings,
    }
    return {f"ORDERS_SYNC_{name}": value for name, value in values.items()}


def _first_line(log: Path) -> str:
    until(lambda: log.exists() and "\n" in log.read_text(), "the sandbox listens", 60)
    return log.read_text().splitlines()[0].split()[0]


def cpu_of(pid: int) -> float:
    """Give the processor time that a process has used, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _peak_of(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0
