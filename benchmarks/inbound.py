"""What an order costs on its way in, against a bare thread pool that makes the same calls.

    python -m benchmarks.inbound [--orders 1000] [--workers 2] [--flower] [--erp console]
                                 [--latency 0.05] [--tryton-uri sqlite://]

Pours a backlog into the sandbox and prints orders a second, CPU milliseconds an order of all our
processes (sandbox left out), VTEX calls an order, and peak memory; beside it, in the same run, a
pool of threads that reads the feed, reads each order, starts handling and acknowledges, with
`requests` and without queue or ledger. Then orders come in steadily, and the time from event to
handling is printed. `--flower` runs Flower too, which switches task events on. With `--latency`
each call takes so many seconds, as it does at VTEX: that shows what another worker brings. With
`--erp webhook` a receiver is started, which writes each order into SQLite and is left out of the
figures. With `--erp tryton` a Tryton is set up first, in the database of `--tryton-uri`, and what
it took is printed too. Compare figures within one run only.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from benchmarks.plant import (
    STORE,
    Plant,
    cpu_of,
    percentile,
    running_plant,
    running_sandbox,
    until,
)
from orders_sync.demo.environment import plain_environment
from orders_sync.demo.played_webhook import WebhookSite
from orders_sync.demo.stage import Stage
from orders_sync.demo.tryton_site import TrytonSite
from orders_sync.embedded.processes import Child

_THREADS = 20
_LOT = 10
_LIGHT_LATENCY = 0.05
_FEED = {
    "filter": {"type": "FromWorkflow", "status": ["ready-for-handling"]},
    "queue": {"visibilityTimeoutInSeconds": 120, "messageRetentionPeriodInSeconds": 345_600},
}


@dataclass(frozen=True, slots=True)
class Cost:
    """What one order took."""

    orders: int
    seconds: float
    cpu_seconds: float
    calls: int

    @property
    def cpu_ms(self) -> float:
        """Processor time an order, in milliseconds."""
        return self.cpu_seconds * 1000 / self.orders

    def __str__(self) -> str:
        """Format one row of the table."""
        return (
            f"{self.orders / self.seconds:>9.1f} {self.cpu_ms:>7.2f} "
            f"{self.calls / self.orders:>7.3f} {self.seconds:>8.1f}"
        )


def main() -> None:
    """Run all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--flower", action="store_true")
    parser.add_argument("--erp", default="console")
    parser.add_argument("--tryton-uri", default="sqlite://", help="Tryton's, with --erp tryton")
    parser.add_argument("--light", type=int, default=100, help="orders that come in steadily")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds a call, backlog")
    options = parser.parse_args()
    print(f"{'':>10} {'orders/s':>9} {'CPU ms':>7} {'calls':>7} {'seconds':>8}")
    bare = _bare_pool(options.orders, options.latency)
    print(f"{'bare pool':>10} {bare}")
    with (
        _running_erp(options.erp, options.tryton_uri) as (settings, tryton),
        running_plant(options.workers, flower=options.flower, environment=settings) as plant,
    ):
        before = plant.cpu_by_process()
        _take(plant, options.latency)
        at_tryton = tryton.used() if tryton else None
        ours = _backlog(plant, options.orders)
        print(f"{'ours':>10} {ours}   {ours.cpu_ms / bare.cpu_ms:.2f} times the pool's CPU")
        for name, seconds in plant.cpu_by_process().items():
            cpu_ms = (seconds - before[name]) * 1000 / options.orders
            print(f"{name:>10}: {cpu_ms:.2f} CPU ms an order")
        if tryton and at_tryton:
            print(f"    tryton: {tryton.used().since(at_tryton, options.orders)}")
        if options.light:
            _light_load(plant, options.light)
        for name, peak in plant.peak_mib().items():
            print(f"{name:>10}: {peak:.0f} MiB at most")


@dataclass(frozen=True, slots=True)
class Used:
    """What a Tryton server has used so far."""

    cpu_seconds: float
    calls: int

    def since(self, before: Used, orders: int) -> str:
        """Format what each of some orders took."""
        cpu_ms = (self.cpu_seconds - before.cpu_seconds) * 1000 / orders
        calls = (self.calls - before.calls) / orders
        return f"{cpu_ms:.0f} CPU ms and {calls:.2f} calls an order, pulls included"


@dataclass(frozen=True, slots=True)
class Tryton:
    """A running Tryton server."""

    server: Child

    def used(self) -> Used:
        """Read what it has used; it logs each call."""
        calls = self.server.spec.log.read_text(errors="replace").count('"POST ')
        return Used(cpu_of(self.server.pid or 0), calls)


@contextmanager
def _running_erp(name: str, tryton_uri: str) -> Iterator[tuple[dict[str, str], Tryton | None]]:
    """Yield the settings of an ERP; a Tryton, or the receiver of a `webhook`, is started."""
    prefix = f"ORDERS_SYNC_ACCOUNTS__{STORE.upper()}__ERP"
    if name not in {"tryton", "webhook"}:
        yield {prefix: name}, None
        return
    if name == "webhook":
        with _running_receiver() as receiver:
            yield {prefix: name, f"{prefix}_OPTIONS": json.dumps(receiver)}, None
        return
    with tempfile.TemporaryDirectory(prefix="orders-sync-bench-") as home:
        site = TrytonSite(Path(home), STORE, uri=tryton_uri)
        site.set_up(language="en")
        with Stage(Path(home), finish_seconds=0.0) as stage:
            server = stage.run(site.spec())
            until(site.answers, "Tryton answers")
            options = json.dumps(site.options())
            yield {prefix: name, f"{prefix}_OPTIONS": options}, Tryton(server)


@contextmanager
def _running_receiver() -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="orders-sync-bench-") as home:
        site = WebhookSite.choose(Path(home), plain_environment(), seed=None)
        with Stage(Path(home), finish_seconds=0.0) as stage:
            stage.run(site.spec())
            until(site.answers, "the receiver answers")
            yield site.options()


def _backlog(plant: Plant, count: int) -> Cost:
    handled = plant.in_handling() + count
    calls, cpu, started = _calls(plant), plant.cpu_seconds(), time.monotonic()
    plant.admin("POST", "orders", count=count)
    until(lambda: plant.in_handling() >= handled and plant.feed_is_empty(), "the backlog is done")
    return Cost(count, time.monotonic() - started, plant.cpu_seconds() - cpu, _calls(plant) - calls)


def _bare_pool(count: int, latency: float) -> Cost:
    """Do the same calls with nothing but threads."""
    with running_sandbox() as sandbox, _session() as session:
        vtex_url = sandbox.url
        session.post(f"{vtex_url}/api/orders/feed/config", json=_FEED).raise_for_status()
        session.put(f"{vtex_url}/_sandbox/dials", json=_dials(latency)).raise_for_status()
        session.post(f"{vtex_url}/_sandbox/orders", json={"count": count}).raise_for_status()
        done, calls = 0, 0
        cpu, started = time.process_time(), time.monotonic()
        with ThreadPoolExecutor(_THREADS) as pool:
            pending = []
            while done < count:
                lot = session.get(f"{vtex_url}/api/orders/feed", params={"maxlot": _LOT}).json()
                pending += [pool.submit(_start_handling, session, vtex_url, e) for e in lot]
                pending.append(pool.submit(_commit, session, vtex_url, lot))
                done, calls = done + len(lot), calls + 2 + 2 * len(lot)
            for call in pending:
                call.result()
        return Cost(count, time.monotonic() - started, time.process_time() - cpu, calls)


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=_THREADS + 1))
    session.headers.update({"X-VTEX-API-AppKey": "key", "X-VTEX-API-AppToken": "token"})
    return session


def _start_handling(session: requests.Session, vtex_url: str, event: dict[str, Any]) -> None:
    url = f"{vtex_url}/api/oms/pvt/orders/{quote(event['orderId'], safe='')}"
    order = session.get(url).json()
    if order["status"] == "ready-for-handling":
        session.post(f"{url}/start-handling").raise_for_status()


def _commit(session: requests.Session, vtex_url: str, lot: list[dict[str, Any]]) -> None:
    handles = [event["handle"] for event in lot]
    session.post(f"{vtex_url}/api/orders/feed", json={"handles": handles}).raise_for_status()


def _dials(latency: float) -> dict[str, float]:
    return {"latency_min_seconds": latency, "latency_max_seconds": latency}


def _take(plant: Plant, latency: float) -> None:
    plant.admin("PUT", "dials", **_dials(latency))


def _light_load(plant: Plant, count: int) -> None:
    _take(plant, _LIGHT_LATENCY)
    handled = plant.in_handling() + count
    poured = {}
    for _ in range(count):
        order_ids = plant.admin("POST", "orders", count=1)["order_ids"]
        poured[order_ids[0]] = time.time()
        time.sleep(0.2)
    until(lambda: plant.in_handling() >= handled, "the light load is done")
    delays = [
        min(c["at"] for c in order["calls"] if c["call"] == "start_handling")
        - poured[order["order_id"]]
        for order in plant.orders()
        if order["order_id"] in poured
    ]
    print(
        f"light load, 5 orders/s at {_LIGHT_LATENCY} s a call: from event to handling "
        f"{percentile(delays, 0.5):.2f} s (p50), {percentile(delays, 0.99):.2f} s (p99)"
    )


def _calls(plant: Plant) -> int:
    by_name: dict[str, int] = plant.admin("GET", "report")["calls_by_name"]
    return sum(by_name.values())


if __name__ == "__main__":
    main()
