"""A worker of this version beside a ledger that a later one has upgraded."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from celery import Celery
from support.plant import STORE, Plant
from support.waiting import until

from orders_sync.embedded import process_list
from orders_sync.embedded.broker import free_port
from orders_sync.ledger.migrate import upgrade
from orders_sync.worker.startup import CONFIGURATION_STATUS

ADDED = "9998_from_0006"
CONTRACTED = "9999_from_9998"


def set_version(plant: Plant, version: str) -> None:
    with closing(sqlite3.connect(plant.home / "ledger.sqlite3")) as ledger, ledger:
        ledger.execute("UPDATE orders_sync_version SET version_num = ?", (version,))


def own_version(plant: Plant) -> str:
    return upgrade(f"sqlite:///{plant.home / 'ledger.sqlite3'}")


def parked(plant: Plant) -> list[tuple[str]]:
    with closing(sqlite3.connect(plant.home / "ledger.sqlite3")) as ledger:
        query = (
            "SELECT order_id FROM orders WHERE standing = 'parked'"
            " UNION SELECT order_id FROM commands WHERE standing = 'parked'"
        )
        return ledger.execute(query).fetchall()


def refusals(plant: Plant) -> int:
    log = plant.log_of("worker1")
    return sum("task.failed" in line and CONTRACTED in line for line in log.splitlines())


def test_a_worker_goes_on_beside_what_was_added_and_waits_beside_what_was_taken_away(
    plant: Plant,
) -> None:
    own = own_version(plant)
    worker = plant.start_worker()
    plant.start_beat()
    orders = plant.box.create_orders(3)
    until(lambda: plant.are_handled(orders), "it works")

    set_version(plant, ADDED)
    orders = plant.box.create_orders(3)
    until(lambda: plant.are_handled(orders), "it goes on beside a table more")

    set_version(plant, CONTRACTED)
    until(lambda: "ledger.of_a_later_version" in plant.log_of("worker1"), "it says so")
    orders = plant.box.create_orders(3)
    send_invoice(plant, orders[0])
    until(lambda: refusals(plant) >= 3, "it takes nothing on")
    untouched = [plant.box.order(order_id).status for order_id in orders]

    set_version(plant, own)
    until(lambda: plant.are_handled(orders[1:]), "it does what has come meanwhile")
    until(lambda: plant.box.order(orders[0]).status == "invoiced", "and what it was sent")

    assert set(untouched) == {"ready-for-handling"}
    assert parked(plant) == []
    assert worker.exit_status() is None


def test_a_worker_that_starts_beside_a_later_version_waits_for_its_own(plant: Plant) -> None:
    own = own_version(plant)
    set_version(plant, CONTRACTED)
    worker = plant.start_worker()
    plant.start_beat()
    orders = plant.box.create_orders(3)
    until(lambda: refusals(plant) >= 1, "it takes nothing on")

    set_version(plant, own)
    until(lambda: plant.are_handled(orders), "it works")

    log = plant.log_of("worker1")
    assert "Install the version that upgraded it, or a later one." in log
    assert worker.exit_status() is None


def test_a_worker_that_finds_its_ledger_away_ends_so_that_it_is_started_again(
    plant: Plant,
) -> None:
    nowhere = f"postgresql://nobody:nothing@127.0.0.1:{free_port()}/none"

    worker = plant.start("worker1", process_list.worker(1, "info"), ORDERS_SYNC_LEDGER_URL=nowhere)

    assert worker.ended_within(60)
    assert worker.exit_status() == 1 != CONFIGURATION_STATUS
    assert "nothing listens at its address" in plant.log_of("worker1")


def send_invoice(plant: Plant, order_id: str) -> None:
    with Celery(broker=plant.broker_url, set_as_current=False) as service:
        service.send_task(
            "orders_sync.invoice",
            kwargs={"account": STORE, "order_id": order_id, "invoice": {"number": "1001"}},
        )
