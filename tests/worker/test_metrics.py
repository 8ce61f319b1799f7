"""Real processes that are scraped as Prometheus does."""

from __future__ import annotations

import json
import sys

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families
from support.plant import STORE, Plant
from support.waiting import until

from orders_sync.embedded.broker import free_port

PREFORK = (sys.executable, "-m", "celery", "-A", "orders_sync", "worker", "-P", "prefork", "-c1")


def scrape(port: int) -> str:
    return requests.get(f"http://127.0.0.1:{port}/metrics", timeout=30).text


def value(text: str, name: str, **labels: str) -> float | None:
    """Give the sum of a metric's values that have these labels, or None where there is none."""
    found = [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    return sum(found) if found else None


def port_of(plant: Plant, name: str) -> int:
    """Read from a process's log on which port it is scraped."""
    until(lambda: "metrics.served" in plant.log_of(name), f"{name} serves its metrics")
    (line,) = [line for line in plant.log_of(name).splitlines() if "metrics.served" in line]
    port: int = json.loads(line)["port"]
    return port


def is_counted(port: int, orders: int) -> bool:
    calls = value(
        scrape(port),
        "orders_sync_vtex_calls_total",
        account=STORE,
        endpoint="start_handling",
        outcome="2xx",
    )
    return calls == orders


def test_workers_show_what_they_do_and_beat_what_all_have_in_common(plant: Plant) -> None:
    first_port = str(min(free_port(), 65_000))
    orders = plant.box.create_orders(5)
    for start in (plant.start_worker, plant.start_beat):
        plant.environment["ORDERS_SYNC_METRICS_PORT"] = first_port
        start()
    worker, beat = port_of(plant, "worker1"), port_of(plant, "beat")
    until(lambda: plant.are_handled(orders), "every order is handled")
    until(lambda: is_counted(worker, len(orders)), "the worker has counted its calls")

    of_worker, of_beat = scrape(worker), scrape(beat)

    assert worker != beat
    assert value(of_worker, "orders_sync_process_info", role="worker") == 1
    assert value(of_worker, "orders_sync_ledger_up") is None
    assert value(of_beat, "orders_sync_process_info", role="beat") == 1
    assert value(of_beat, "orders_sync_ledger_up") == 1
    assert value(of_beat, "orders_sync_broker_up") == 1
    assert value(of_beat, "orders_sync_orders", account=STORE, standing="parked") == 0
    assert value(of_beat, "orders_sync_queue_messages", queue="change") == 0
    assert (value(of_beat, "orders_sync_beat_ticks_total", task="feed.tick") or 0) > 0
    assert not [order_id for order_id in orders if order_id in of_worker + of_beat]


def test_a_pool_of_processes_is_refused_where_metrics_are_wanted(plant: Plant) -> None:
    worker = plant.start("worker", PREFORK, ORDERS_SYNC_METRICS_PORT=str(free_port()))

    assert worker.ended_within(60)
    assert worker.exit_status() == 3
    assert "Start the worker with --pool=threads" in plant.log_of("worker").splitlines()[-1]


@pytest.mark.parametrize("name", ["worker1", "beat"])
def test_an_address_that_cannot_be_listened_on_stops_the_process(plant: Plant, name: str) -> None:
    plant.environment["ORDERS_SYNC_METRICS_PORT"] = str(free_port())
    plant.environment["ORDERS_SYNC_METRICS_ADDRESS"] = "192.0.2.1"

    process = plant.start_worker() if name == "worker1" else plant.start_beat()

    assert process.ended_within(60)
    assert process.exit_status() == 3
    assert "ORDERS_SYNC_METRICS_ADDRESS=192.0.2.1" in plant.log_of(name)
