"""What real processes write while they work, at the most talkative level."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from support.plant import STORE, Plant
from support.waiting import until

from orders_sync.demo.evidence import contains_personal_data, files_with_leaks
from orders_sync.embedded import process_list
from orders_sync.embedded.broker import broker_folder
from orders_sync.embedded.home import logs_folder
from orders_sync.producer import Producer

#: What Celery says to whoever stops a worker at a terminal.
SAID_BY_CELERY = {"", "worker: Warm shutdown (MainProcess)"}

STEP_ENDS = {"step.done", "step.failed", "step.waited", "step.parked"}


@pytest.fixture
def shop(plant: Plant) -> Plant:
    """A plant that logs all it can; Celery's banners are no log."""
    plant.environment["ORDERS_SYNC_LOG_LEVEL"] = "debug"
    for name, (python, _, celery, *rest) in {
        "worker": process_list.worker(1, "debug"),
        "beat": process_list.beat("debug"),
    }.items():
        plant.start(name, (python, "-m", celery, "--quiet", *rest))
    return plant


def stop(plant: Plant) -> None:
    children = plant.programs()
    for child in children:
        child.terminate()
    still_running = [child.spec.name for child in children if not child.ended_within(60)]
    assert still_running == []


def lines(plant: Plant) -> list[dict[str, Any]]:
    """Read every line of every process; each has to be a JSON object with an event."""
    texts = [plant.log_of(name) for name in ("worker", "beat")]
    written = [line for text in texts for line in text.splitlines() if line not in SAID_BY_CELERY]
    found = [json.loads(line) for line in written]
    assert all({"event", "level", "logger", "timestamp"} <= line.keys() for line in found)
    return found


def ends_in_journal(plant: Plant) -> Iterator[tuple[str, str, str]]:
    """Read how steps ended, from what the ledger remembers."""
    with closing(sqlite3.connect(plant.home / "ledger.sqlite3")) as ledger:
        rows = ledger.execute("SELECT order_id, step, what FROM journal").fetchall()
    return ((order_id, step, what) for order_id, step, what in rows if what in STEP_ENDS)


def are_invoiced(plant: Plant, orders: Iterable[str]) -> bool:
    return all(plant.box.order(order_id).status == "invoiced" for order_id in orders)


def files_of_broker(plant: Plant) -> list[Path]:
    return [path for path in broker_folder(plant.home).rglob("appendonly*.aof*") if path.is_file()]


def send(plant: Plant, body: Any, **headers: Any) -> None:
    """Put a message on the intake queue, as any other program may."""
    with Celery(broker=plant.broker_url).connection_for_write() as connection:
        producer = connection.Producer(serializer="json")
        producer.publish(body, routing_key="celery", headers=headers)


def test_a_shop_at_work_writes_one_line_a_step_and_nothing_about_its_customers(
    shop: Plant,
) -> None:
    orders = shop.box.create_orders(10)
    until(lambda: shop.are_handled(orders), "every order is handled")
    with Producer(shop.broker_url) as producer:
        for number, order_id in enumerate(orders):
            producer.invoice(STORE, order_id, {"number": f"{number:06}"})
    until(partial(are_invoiced, shop, orders), "every order is invoiced")

    stop(shop)

    written = lines(shop)
    ended = [line for line in written if line["event"] in STEP_ENDS]
    in_log = Counter((line["order_id"], line["step"], line["event"]) for line in ended)
    in_ledger = Counter(ends_in_journal(shop))
    assert in_log == in_ledger
    assert {step for _, step, _ in in_log} >= {"orders.fetch", "erp.hand_over", "invoice.send"}
    assert {line["account"] for line in ended} == {STORE}
    searched = [*logs_folder(shop.home).glob("*.log"), *files_of_broker(shop)]
    assert len(searched) > 3
    assert files_with_leaks(searched, shop.box.people()) == []
    assert list(shop.redis().scan_iter("celery-task-meta*")) == []


def test_what_other_programs_send_wrongly_is_logged_without_what_it_says(shop: Plant) -> None:
    shop.box.create_orders(1)
    people = shop.box.people()
    told = " ".join(people)
    send(shop, [[], {"customer": told}, {}], task="orders_sync.invoize", id="1")
    send(shop, [[told], {}, {}], task="orders.fetch", id="2")
    send(shop, [[], {"invoice": told}, {}], task="orders_sync.invoice", id="3", eta=told)
    send(shop, [[], {"order_id": told, "reason": told}, {}], task="orders_sync.cancel", id="4")
    send(shop, {"customer": told})
    until(lambda: shop.redis().llen("celery") == 0, "every message is taken")
    until(lambda: shop.redis().hlen("unacked") == 0, "every message is done with")

    stop(shop)

    written = lines(shop)
    texts = "\n".join(map(str, written))
    assert "orders_sync.invoize" in texts
    assert [line for line in written if line["level"] in {"warning", "error"}]
    assert not contains_personal_data(texts, people)
