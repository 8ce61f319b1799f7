"""Real worker processes on a real broker, killed and robbed in the middle."""

from __future__ import annotations

import sys
from functools import partial

import pytest
from support.plant import Plant
from support.waiting import until

from orders_sync.demo.stage import BROKER
from orders_sync.embedded.broker import free_port

WORKER = (sys.executable, "-m", "celery", "-A", "orders_sync", "worker", "-P", "solo")


def test_orders_go_through_real_workers_and_leave_the_feed(plant: Plant) -> None:
    orders = plant.box.create_orders(20)
    plant.start_worker()
    plant.start_beat()

    until(lambda: plant.are_handled(orders), "every order is handled")
    until(lambda: feed_is_empty(plant), "every event is acknowledged")

    assert plant.in_erp() == set(orders)
    assert {plant.box.order(order_id).start_handling_effects for order_id in orders} == {1}


def test_a_broker_that_is_emptied_costs_time_only(plant: Plant) -> None:
    orders = plant.box.create_orders(60)
    plant.box.dials.latency_min_seconds = plant.box.dials.latency_max_seconds = 0.1
    plant.start_worker()
    plant.start_beat()

    for _ in range(5):
        before = len(plant.in_erp())
        until(partial(has_moved, plant, before, orders), "orders go on reaching the ERP")
        plant.redis().flushall()

    until(lambda: plant.are_handled(orders), "every order is handled")
    assert plant.in_erp() == set(orders)


def test_the_orders_of_a_killed_worker_go_on_with_another(plant: Plant) -> None:
    orders = plant.box.create_orders(30)
    plant.box.dials.latency_min_seconds = plant.box.dials.latency_max_seconds = 0.3
    plant.start_beat()
    victim = plant.start_worker(1)
    until(lambda: len(plant.in_erp()) >= 3, "the first worker has work in hand")

    victim.kill()
    plant.start_worker(2)

    until(lambda: plant.are_handled(orders), "every order is handled")
    assert {plant.box.order(order_id).start_handling_effects for order_id in orders} == {1}


def test_a_broker_that_goes_away_and_comes_back_loses_no_retry(plant: Plant) -> None:
    orders = plant.box.create_orders(10)
    plant.start_beat()
    worker = plant.start_worker()
    until(lambda: len(plant.in_erp()) >= 1, "work has begun")
    plant.box.dials.unavailable = 1.0

    broker = plant.children[BROKER]
    broker.kill()
    broker.start()
    plant.box.dials.unavailable = 0.0

    # A worker of Celery's may end when its broker does; whoever supervises it starts it again.
    until(
        lambda: plant.are_handled(orders) or worker.exit_status() is not None,
        "every order is handled, or the worker has ended",
    )
    if worker.exit_status() is not None:
        plant.start_worker(2)
    until(lambda: plant.are_handled(orders), "every order is handled")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param(
            {"ORDERS_SYNC_ACCOUNTS__MYSTORE__APP_TOKEN": ""},
            "ORDERS_SYNC_ACCOUNTS__MYSTORE__APP_TOKEN is wrong",
            id="an empty token",
        ),
        pytest.param(
            {"ORDERS_SYNC_LEDGER_URL": "sqlite:///{home}/elsewhere.sqlite3"},
            "orders-sync db upgrade",
            id="a ledger without tables",
        ),
        pytest.param(
            {"ORDERS_SYNC_ACCOUNTS__MYSTORE__ERP": "sap"},
            "ORDERS_SYNC_ACCOUNTS__MYSTORE__ERP",
            id="an adapter that is not installed",
        ),
        pytest.param(
            {"ORDERS_SYNC_LEASE_SECONDS": "5", "ORDERS_SYNC_VTEX__TOTAL_SECONDS": "30"},
            "ORDERS_SYNC_LEASE_SECONDS=5 is shorter",
            id="times that do not fit",
        ),
    ],
)
def test_a_worker_that_cannot_work_says_so_in_one_line_and_takes_nothing(
    plant: Plant, changes: dict[str, str], words: str
) -> None:
    changes = {name: value.format(home=plant.home) for name, value in changes.items()}

    worker = plant.start("worker", WORKER, **changes)

    ended = worker.ended_within(30)

    lines = [line for line in plant.log_of("worker").splitlines() if "orders-sync:" in line]
    assert ended
    assert worker.exit_status() == 3
    assert len(lines) == 1
    assert words in lines[0]
    assert "Traceback" not in plant.log_of("worker")


def test_a_worker_whose_ledger_is_away_may_be_started_again(plant: Plant) -> None:
    nobody = f"postgresql://nobody@127.0.0.1:{free_port()}/nothing"

    worker = plant.start("worker", WORKER, ORDERS_SYNC_LEDGER_URL=nobody)
    ended = worker.ended_within(60)

    assert ended
    assert worker.exit_status() == 1
    assert "The ledger's database does not answer" in plant.log_of("worker")


def has_moved(plant: Plant, before: int, orders: list[str]) -> bool:
    return len(plant.in_erp()) > before or plant.are_handled(orders)


def feed_is_empty(plant: Plant) -> bool:
    feed = plant.box.feed
    return feed is not None and feed.visible == feed.in_flight == 0
