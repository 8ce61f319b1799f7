"""A message that no task can take, on its way through real processes to a person and back."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from celery import Celery
from support.plant import STORE, Plant
from support.waiting import until

from orders_sync.demo.evidence import contains_personal_data
from orders_sync.embedded import process_list

TASK = "orders_sync.refund"
CUSTOMER = {"name": "Filomena Trindade", "document": "93541134780"}

NEWER = """
import json, pathlib
from celery import shared_task

@shared_task(name="orders_sync.refund")
def refund(customer):
    pathlib.Path({path!r}).write_text(json.dumps(customer))
"""


def typed(plant: Plant, *arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "orders_sync", *arguments, "--json"],
        env=plant.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout)


def in_broker(plant: Plant) -> str:
    """Give all that the broker holds."""
    redis: Any = plant.redis()
    read: dict[bytes, Callable[[bytes], Any]] = {
        b"string": redis.get,
        b"list": lambda key: redis.lrange(key, 0, -1),
        b"hash": redis.hgetall,
        b"set": redis.smembers,
        b"zset": lambda key: redis.zrange(key, 0, -1),
        b"none": lambda _: None,
    }
    return "\n".join(str(read[redis.type(key)](key)) for key in redis.scan_iter())


def has_personal_data(text: str) -> bool:
    return contains_personal_data(text, CUSTOMER.values())


def test_a_stray_is_seen_by_people_only_and_goes_on_once_a_worker_knows_its_task(
    plant: Plant, tmp_path: Path
) -> None:
    worker = plant.start_worker(1)
    plant.start_beat()
    with Celery(broker=plant.broker_url) as service:
        service.send_task(TASK, kwargs={"customer": CUSTOMER})

    until(lambda: typed(plant, "parked", "list")["strays"], "it is parked")
    (stray,) = typed(plant, "parked", "list")["strays"]
    shown = typed(plant, "parked", "show", stray["id"], "--body")

    assert (stray["reason"], stray["name"], stray["queue"]) == ("unknown-task", TASK, "celery")
    assert has_personal_data(shown["body"])
    assert not has_personal_data(in_broker(plant))
    assert not has_personal_data(plant.log_of("worker1") + plant.log_of("beat"))

    refunded = tmp_path / "refunded.json"
    (tmp_path / "newer_tasks.py").write_text(NEWER.format(path=str(refunded)))
    worker.kill()
    argv = (*process_list.worker(2, "info"), "--include", "newer_tasks")
    plant.start("worker2", argv, PYTHONPATH=str(tmp_path))
    typed(plant, "parked", "retry", stray["id"], "--why", "upgraded")

    until(lambda: refunded.exists() and refunded.read_text(), "the newer worker runs the task")
    assert json.loads(refunded.read_text()) == CUSTOMER
    assert typed(plant, "parked", "list")["strays"] == []
    assert typed(plant, "parked", "show", stray["id"])["has_body"] is False
    assert not has_personal_data(plant.log_of("worker2"))


def test_what_strangers_write_is_parked_and_their_commands_go_on(plant: Plant) -> None:
    [order_id] = plant.box.create_orders(1, handling=True)
    three_keys = {"account": STORE, "order_id": order_id, "invoice": CUSTOMER}
    rubbish = [
        *(b"", b"null", b"[[], {}]", json.dumps(three_keys).encode(), b"\xff"),
        *(written([[], {}, {}], task="upkeep.purge"), written([[], {}, {}], task="celery.map")),
        *[written(three_keys)] * 20,
        *(written([[], {}, {}], timelimit=30), written([[], {}, {}], id=["x"])),
    ]
    plant.start_worker(1)
    plant.start_beat()

    plant.redis().lpush("celery", *rubbish)
    with Celery(broker=plant.broker_url) as service:
        note = {"account": STORE, "order_id": order_id, "message": "a"}
        service.send_task("orders_sync.note", kwargs=note)

    until(lambda: plant.box.order(order_id).interactions, "the command is done")
    until(lambda: len(typed(plant, "parked", "list")["strays"]) == len(rubbish), "all is parked")
    until(lambda: plant.redis().hlen("unacked") == 0, "nothing is left in hand")
    reasons = {stray["reason"] for stray in typed(plant, "parked", "list")["strays"]}
    assert reasons == {"not-json", "bad-envelope", "unknown-task"}
    assert not has_personal_data(plant.log_of("worker1"))


def written(body: object, **headers: Any) -> bytes:
    """Return a message for the intake as a stranger writes it."""
    message = {
        "body": json.dumps(body),
        "headers": {"task": "orders_sync.invoice", "id": "1", **headers},
        "properties": {"delivery_tag": "1", "delivery_info": {}},
        "content-type": "application/json",
        "content-encoding": "utf-8",
    }
    return json.dumps(message).encode()
