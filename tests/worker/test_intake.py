"""A command of another service, while the ledger cannot take it in."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from celery import Celery
from support.plant import STORE, Plant
from support.waiting import until


def test_a_command_waits_in_the_broker_for_the_ledger_however_often_it_is_tried(
    plant: Plant,
) -> None:
    [order_id] = plant.box.create_orders(1, handling=True)
    plant.start_worker(1)
    change_ledger(plant, "ALTER TABLE commands RENAME TO away")

    with Celery(broker=plant.broker_url) as service:
        note = {"account": STORE, "order_id": order_id, "message": "a"}
        service.send_task("orders_sync.note", kwargs=note)
    until(lambda: plant.log_of("worker1").count("Waits at") > 6, "it is tried often")

    assert not plant.box.order(order_id).interactions
    change_ledger(plant, "ALTER TABLE away RENAME TO commands")
    until(lambda: plant.box.order(order_id).interactions, "the command is done")
    until(lambda: plant.redis().hlen("unacked") == 0, "nothing is left in hand")
    assert plant.redis().llen("orders_sync.strays") == 0


def change_ledger(plant: Plant, statement: str) -> None:
    with closing(sqlite3.connect(plant.home / "ledger.sqlite3", timeout=60)) as ledger:
        ledger.execute(statement)
