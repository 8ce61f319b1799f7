"""What the benchmarks share: everything as real processes, the CPU that it takes, and waiting."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import requests

from orders_sync.demo.stage import Stage
from orders_sync.embedded import process_list
from orders_sync.embedded.broker import free_port
from orders_sync.embedded.processes import Child
from orders_sync.ledger.migrate import upgrade

STORE = "mystore"
#: What VTEX publishes.
PER_MINUTE = 6000

_LATENCY_SECONDS = 0.1
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Sandbox:
    """A VTEX in a box."""

    account: str
    url: str
    session: requests.Session

    def admin(self, method: str, path: str, **payload: Any) -> Any:
        """Call the sandbox's admin API."""
        answer = self.session.request(
            method, f"{self.url}/_sandbox/{path}", json=payload or None, timeout=120
        )
        answer.raise_for_status()
        return answer.json()

    def has_feed(self) -> bool:
        """Check whether the feed is configured: nothing is told of an order before that."""
        return bool(self.admin("GET", "report")["feed"]["configured"])

    def in_handling(self) -> int:
        """Count the orders in handling."""
        return int(self.admin("GET", "report")["orders_by_status"].get("handling", 0))

    def invoiced_at(self) -> dict[str, float]:
        """Return when an invoice of each order took effect."""
        return {
            order["order_id"]: call["at"]
            for order in self.admin("GET", "orders")["orders"]
            for call in order["calls"]
            if call["call"] == "invoice" and call["effect"]
        }


class Plant(Stage):
    """The broker, workers, beat, and the gateway if there is one, at a sandbox of its own."""

    def __init__(self, home: Path, vtex: Sandbox) -> None:
        super().__init__(home, finish_seconds=0.0)
        self.vtex = vtex
        self.broker_url = self.start_broker()
        self.gateway_url: str | None = None

    @property
    def ours(self) -> list[Child]:
        """All processes; the sandbox is none of them."""
        return list(self.children.values())

    @property
    def ledger_url(self) -> str:
        """The address of the ledger."""
        return f"sqlite:///{self.home / 'ledger.sqlite3'}"

    @property
    def vtex_url(self) -> str:
        """The address of VTEX."""
        return self.vtex.url

    def admin(self, method: str, path: str, **payload: Any) -> Any:
        """Call the admin API of the plant's own sandbox."""
        return self.vtex.admin(method, path, **payload)

    def calls(self, name: str) -> int:
        """Count the calls of a name that VTEX took."""
        by_name: dict[str, int] = self.admin("GET", "report")["calls_by_name"]
        return by_name.get(name, 0)

    def in_handling(self) -> int:
        """Count the orders in handling at VTEX."""
        return self.vtex.in_handling()

    def feed_is_empty(self) -> bool:
        """Check whether every event was acknowledged."""
        feed = self.admin("GET", "report")["feed"]
        return bool(feed["visible"] + feed["in_flight"] == 0)

    def orders(self) -> list[dict[str, Any]]:
        """Return every order as the sandbox saw it."""
        orders: list[dict[str, Any]] = self.admin("GET", "orders")["orders"]
        return orders

    def cpu_seconds(self) -> float:
        """Sum the processor time that our processes have used."""
        return sum(self.cpu_by_process().values())

    def cpu_by_process(self) -> Mapping[str, float]:
        """Return the processor time that each process has used."""
        return {child.spec.name: cpu_of(child.pid) for child in self.ours if child.pid}

    def peak_mib(self) -> Mapping[str, float]:
        """Return the peak memory of each process."""
        return {child.spec.name: _peak_of(child.pid) for child in self.ours if child.pid}


@contextmanager
def running_sandbox(
    vtex_per_minute: int | None = None, *, account: str = STORE, seed: int = 1
) -> Iterator[Sandbox]:
    """Run a sandbox, with a budget of calls or without; another `seed` makes other orders."""
    with (
        tempfile.TemporaryDirectory(prefix="orders-sync-bench-") as home,
        Stage(Path(home), finish_seconds=0.0) as stage,
        requests.Session() as session,
    ):
        url = stage.start_sandbox(account, seed=seed, requests_per_minute=vtex_per_minute)
        yield Sandbox(account, url, session)


@contextmanager
def running_plant(
    workers: int = 2,
    *,
    flower: bool = False,
    gateway: bool = False,
    vtex_per_minute: int | None = None,
    more_accounts: Sequence[str] = (),
    neighbours: Sequence[Sandbox] = (),
    make_ledger: Callable[[str], object] = upgrade,
    environment: Mapping[str, str] = MappingProxyType({}),
    **settings: str,
) -> Iterator[Plant]:
    """Run everything in a folder of its own; `settings` are ORDERS_SYNC_* without the prefix.

    `vtex_per_minute` is the sandbox's budget of calls. `more_accounts` are in the same sandbox,
    each with a key of its own; `neighbours` are accounts in sandboxes of their own. `make_ledger`
    makes the tables at a URL, before anything works with them. `environment` is what else our
    processes are given.
    """
    with (
        tempfile.TemporaryDirectory(prefix="orders-sync-bench-") as home,
        running_sandbox(vtex_per_minute) as vtex,
        Plant(Path(home), vtex) as plant,
    ):
        accounts: dict[str, str] = {}
        for name in (STORE, *more_accounts):
            accounts |= _account(name, vtex.url)
        for neighbour in neighbours:
            accounts |= _account(neighbour.account, neighbour.url)
        plant.environment |= {**environment, **_environment(plant, {**accounts, **settings})}
        make_ledger(plant.ledger_url)
        for number in range(1, workers + 1):
            plant.start(f"worker{number}", process_list.worker(number, "warning"))
        plant.start("beat", process_list.beat("warning"))
        if flower:
            plant.start("flower", process_list.flower(free_port()), FLOWER_BASIC_AUTH="bench:mark")
        if gateway:
            plant.gateway_url = plant.start_gateway()
        for sandbox in (vtex, *neighbours):
            until(sandbox.has_feed, f"the feed of {sandbox.account} is configured")
        yield plant


@contextmanager
def running_at_vtex_pace(
    workers: int,
    *,
    per_minute: int = PER_MINUTE,
    erp: str = "staging",
    neighbours: Sequence[Sandbox] = (),
    make_ledger: Callable[[str], object] = upgrade,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Plant]:
    """Run everything with a budget of calls, VTEX's published one by default, and 100 ms a call."""
    account = f"ACCOUNTS__{STORE.upper()}"
    settings = {
        f"{account}__ERP": erp,
        f"{account}__REQUESTS_PER_MINUTE": str(per_minute),
        "PROCESSES": str(workers),
    }
    with running_plant(
        workers,
        flower=False,
        gateway=False,
        vtex_per_minute=per_minute,
        more_accounts=(),
        neighbours=neighbours,
        make_ledger=make_ledger,
        environment=environment,
        **settings,
    ) as plant:
        latency = {"latency_min_seconds": _LATENCY_SECONDS, "latency_max_seconds": _LATENCY_SECONDS}
        for sandbox in (plant.vtex, *neighbours):
            sandbox.admin("PUT", "dials", **latency)
        yield plant


@contextmanager
def beside(work: Callable[[threading.Event], None]) -> Iterator[None]:
    """Do some work in a thread of its own; its event is set when the block ends, and it is over."""
    ended = threading.Event()
    thread = threading.Thread(target=work, args=[ended], daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def until(holds: Callable[[], bool], what: str, seconds: float = 600.0) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit(f"After {seconds:.0f} s not yet: {what}.")
        time.sleep(0.1)


def say(what: str, figure: object) -> None:
    """Print one figure."""
    print(f"{what:>58}: {figure}", flush=True)


def percentile(values: list[float], share: float) -> float:
    """Return the value that `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def cpu_of(pid: int) -> float:
    """Return the processor time that a process has used, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _account(name: str, vtex_url: str) -> dict[str, str]:
    prefix = f"ACCOUNTS__{name.upper()}"
    return {
        f"{prefix}__APP_KEY": f"key-of-{name}",
        f"{prefix}__APP_TOKEN": "token",
        f"{prefix}__BASE_URL": vtex_url,
        # What the work costs is measured, not how well it waits for VTEX's budget.
        f"{prefix}__REQUESTS_PER_MINUTE": "1000000",
    }


def _environment(plant: Plant, settings: Mapping[str, str]) -> dict[str, str]:
    values = {
        "HOME": str(plant.home),
        "BROKER_URL": plant.broker_url,
        "LOG_LEVEL": "warning",
        **settings,
    }
    return {f"ORDERS_SYNC_{name}": value for name, value in values.items()}


def _peak_of(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0
