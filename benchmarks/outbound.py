"""What a command costs, against a bare thread pool that makes the same calls.

    python -m benchmarks.outbound [--commands 1000] [--flood 10000]

Prints for each kind commands a second, CPU milliseconds of all our processes (sandbox left out)
and VTEX calls a command, beside a pool of threads that makes the same two calls with `requests`
and remembers nothing; then the time from trigger to effect at light load, and that of
cancellations while a flood of trackings stands on its own queue. Compare within one run only.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import requests
from celery import Celery

from benchmarks.plant import STORE, Plant, percentile, running_plant, until

_THREADS = 20
_LIGHT_EVERY_SECONDS = 0.2
_LIGHT = 60
_FLOODED = 200


def main() -> None:
    """Run all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commands", type=int, default=1000)
    parser.add_argument("--flood", type=int, default=10_000)
    options = parser.parse_args()
    with running_plant(workers=2) as plant, Celery(broker=plant.broker_url) as service:
        _costs(plant, service, options.commands)
        _light_load(plant, service)
        _flood(plant, service, options.flood)
        for name, peak in plant.peak_mib().items():
            print(f"{name:>10}: {peak:.0f} MiB at most")


def _costs(plant: Plant, service: Celery, count: int) -> None:
    print(f"{'kind':>8} {'commands/s':>11} {'CPU ms':>7} {'calls':>6}   bare: /s, CPU ms")
    orders, cancelled, bare = (make_orders(plant, count) for _ in range(3))
    bare_rate, bare_cpu = _bare_pool(plant, bare)
    for kind, wanted, send in (
        ("invoice", orders, _invoice),
        ("track", orders, _track),
        ("cancel", cancelled, _cancel),
    ):
        before = _effects(plant, kind)
        calls, cpu, started = _calls(plant), plant.cpu_seconds(), time.monotonic()
        for order_id in wanted:
            send(service, order_id)
        until(_all_in_effect(plant, kind, before + count), f"every {kind} took effect")
        seconds = time.monotonic() - started
        cpu_ms = (plant.cpu_seconds() - cpu) * 1000 / count
        per_command = (_calls(plant) - calls) / count
        print(
            f"{kind:>8} {count / seconds:>11.1f} {cpu_ms:>7.2f} {per_command:>6.2f}"
            f"   {bare_rate:.1f}, {bare_cpu:.2f}"
        )


def _all_in_effect(plant: Plant, kind: str, effects: int) -> Callable[[], bool]:
    return lambda: _effects(plant, kind) >= effects


def _light_load(plant: Plant, service: Celery) -> None:
    orders = make_orders(plant, _LIGHT)
    asked = _steadily(orders, lambda order_id: _invoice(service, order_id))
    print(f"light load: invoices in effect {_delays(plant, asked, 'invoice')}")


def _flood(plant: Plant, service: Celery, count: int) -> None:
    flooded = make_orders(plant, _FLOODED)
    invoiced = _effects(plant, "invoice") + _FLOODED
    for order_id in flooded:
        _invoice(service, order_id)
    orders = make_orders(plant, _LIGHT)
    until(_all_in_effect(plant, "invoice", invoiced), "the flooded orders are invoiced")
    for number in range(count):
        _track(service, flooded[number % _FLOODED], number)
    asked = _steadily(orders, lambda order_id: _cancel(service, order_id))
    waiting = count - _effects(plant, "track")
    print(
        f"during a flood of {count} trackings (about {waiting} not sent yet): "
        f"cancellations asked for {_delays(plant, asked, 'cancel')}"
    )


def _steadily(orders: list[str], send: Callable[[str], None]) -> dict[str, float]:
    asked = {}
    for order_id in orders:
        asked[order_id] = time.time()
        send(order_id)
        time.sleep(_LIGHT_EVERY_SECONDS)
    return asked


def _delays(plant: Plant, asked: dict[str, float], call: str) -> str:
    def effects() -> dict[str, float]:
        return {
            order["order_id"]: min(c["at"] for c in order["calls"] if c["call"] == call)
            for order in plant.orders()
            if order["order_id"] in asked and any(c["call"] == call for c in order["calls"])
        }

    until(lambda: len(effects()) == len(asked), f"every {call} took effect")
    delays = [at - asked[order_id] for order_id, at in effects().items()]
    return f"after {percentile(delays, 0.5):.2f} s (p50), {percentile(delays, 0.99):.2f} s (p99)"


def _bare_pool(plant: Plant, orders: list[str]) -> tuple[float, float]:
    """Read and invoice each order from a thread pool of this process."""
    session = requests.Session()
    session.trust_env = False
    session.headers.update({"X-VTEX-API-AppKey": "key", "X-VTEX-API-AppToken": "token"})

    def work(order_id: str) -> None:
        url = f"{plant.vtex_url}/api/oms/pvt/orders/{quote(order_id, safe='')}"
        order = session.get(url, timeout=30).json()
        items = [
            {"id": item["id"], "price": int(item["price"]), "quantity": int(item["quantity"])}
            for item in {item["id"]: item for item in order["items"]}.values()
        ]
        body = {
            "type": "Output",
            "invoiceNumber": "1",
            "invoiceValue": str(order["value"]),
            "issuanceDate": "2026-11-27T12:00:00Z",
            "items": items,
        }
        session.post(f"{url}/invoice", json=body, timeout=30).raise_for_status()

    cpu, started = time.process_time(), time.monotonic()
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(work, orders))
    seconds = time.monotonic() - started
    return len(orders) / seconds, (time.process_time() - cpu) * 1000 / len(orders)


def make_orders(plant: Plant, count: int) -> list[str]:
    """Make orders in handling, and let the road in finish with them first."""
    order_ids: list[str] = plant.admin("POST", "orders", count=count, handling=True)["order_ids"]
    until(plant.feed_is_empty, "the road in is done with the new orders")
    return order_ids


def _calls(plant: Plant) -> int:
    ours = ("get_order", "invoice", "update_invoice", "update_tracking", "cancel")
    return sum(map(plant.calls, ours))


def _effects(plant: Plant, kind: str) -> int:
    return plant.calls({"track": "update_invoice"}.get(kind, kind))


def _send(service: Celery, name: str, order_id: str, **arguments: Any) -> None:
    kwargs = {"account": STORE, "order_id": order_id, **arguments}
    queue = {"track": "tracking"}.get(name, name)
    service.send_task(f"orders_sync.{name}", kwargs=kwargs, queue=queue)


def _invoice(service: Celery, order_id: str) -> None:
    _send(service, "invoice", order_id, invoice={"number": "1"})


def _track(service: Celery, order_id: str, number: int = 0) -> None:
    tracking = {"tracking_number": f"BR{number}", "courier": "Correios"}
    _send(service, "track", order_id, invoice_number="1", tracking=tracking)


def _cancel(service: Celery, order_id: str) -> None:
    _send(service, "cancel", order_id, reason="out of stock")


if __name__ == "__main__":
    main()
