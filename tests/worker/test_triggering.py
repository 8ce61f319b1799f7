"""Every example of docs/triggering.md, run as another service would, against real workers."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.plant import STORE, Plant, running_plant
from support.reader import PAGE, Reader
from support.waiting import until

from orders_sync.embedded import process_list
from orders_sync.embedded.broker import free_port
from orders_sync.sandbox.views import OrderView

FLOWER = "localhost:5555"

SEND = """
import json, sys
from celery import Celery

app = Celery(broker=sys.argv[1])
for task, arguments in json.load(sys.stdin):
    app.send_task(task, kwargs=arguments)
assert not [name for name in sys.modules if name.startswith("orders_sync")]
"""


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """One worker for all tests: each has orders of its own."""
    with running_plant(tmp_path_factory.mktemp("triggering")) as plant:
        plant.start_worker()
        yield plant


@pytest.fixture
def reader(plant: Plant) -> Reader:
    return Reader(plant)


def invoiced(view: OrderView) -> bool:
    return view.status == "invoiced" and view.invoices_total == view.value


def travels(view: OrderView) -> bool:
    return [package.tracking_number is None for package in view.packages] == [False]


def changed(view: OrderView) -> bool:
    return [(change.status, change.value) for change in view.changes] == [("done", -500)]


def cancelled(view: OrderView) -> bool:
    return view.status == "canceled"


def noted(view: OrderView) -> bool:
    return [message for _, message in view.interactions] == ["Cliente pediu entrega à tarde"]


def wait_for(reader: Reader, on_page: str, holds: Callable[[OrderView], bool]) -> None:
    until(lambda: holds(reader.order(on_page)), f"{on_page} is {holds.__name__}")
    assert reader.order(on_page).doubled == ()


def test_a_service_that_knows_the_brokers_url_triggers_each_kind(reader: Reader) -> None:
    reader.plant.box.cancel(reader.order_id("1172452900704-01"), request=True)
    reader.has_new("1172452900706-01")

    reader.runs("Plain Celery", "python")

    wait_for(reader, "1172452900701-01", invoiced)
    wait_for(reader, "1172452900701-01", travels)
    wait_for(reader, "1172452900702-01", cancelled)
    wait_for(reader, "1172452900703-01", changed)
    until(
        lambda: [one.denied for one in reader.order("1172452900704-01").cancellations] == [True],
        "the cancellation is denied",
    )
    wait_for(reader, "1172452900705-01", noted)
    until(lambda: reader.order("1172452900706-01").status == "handling", "it was read")
    [package] = reader.order("1172452900701-01").packages
    assert [event.description for event in package.events] == ["Saiu"]


def test_the_producer_triggers_what_it_checked(reader: Reader) -> None:
    printed = reader.runs("The Python producer", "python")

    wait_for(reader, "1172452900711-01", travels)
    wait_for(reader, "1172452900711-01", invoiced)
    wait_for(reader, "1172452900712-01", cancelled)
    assert printed == "number: is missing; nunber: Extra inputs are not permitted\n"
    assert f"# {printed}" in PAGE


def test_flower_triggers_over_http(reader: Reader) -> None:
    port = free_port()
    flower = reader.plant.start(
        "flower", process_list.flower(port), FLOWER_BASIC_AUTH="me:secret", COLUMNS="80"
    )
    [curl] = reader.blocks("Flower's task API", "sh")
    there = curl.replace(FLOWER, f"127.0.0.1:{port}")

    until(lambda: reader.succeeds(there), "Flower takes the task")
    flower.kill()

    wait_for(reader, "1172452900721-01", cancelled)


def test_the_command_line_triggers_what_it_kept(reader: Reader) -> None:
    printed = reader.runs("The command line", "sh")

    assert printed.count("is accepted: command ") == 5
    wait_for(reader, "1172452900731-01", invoiced)
    until(lambda: reader.order("1172452900731-01").packages[0].finished, "it arrived")
    wait_for(reader, "1172452900732-01", cancelled)
    wait_for(reader, "1172452900733-01", noted)
    wait_for(reader, "1172452900734-01", changed)


def test_a_row_in_a_table_triggers_and_is_answered(reader: Reader) -> None:
    write, look = reader.blocks("SQL", "sql")
    send(reader.plant, ("orders_sync.sync", {"account": STORE, "order_id": "of-no-use-01"}))
    pull(reader.plant)  # Makes the tables.
    until(lambda: has_commands_table(reader.plant), "the ERP's tables are there")
    in_erp(reader.plant, write)

    def is_answered() -> bool:
        pull(reader.plant)
        return {row[2] for row in in_erp(reader.plant, look)} == {"done"}

    until(is_answered, "the ERP reads that both are done")
    assert travels(reader.order("1172452900741-01"))
    assert invoiced(reader.order("1172452900741-01"))
    assert cancelled(reader.order("1172452900742-01"))


RUBBISH: dict[str, tuple[str, dict[str, Any], str]] = {
    "nothing": ("invoice", {}, "order_id: is missing"),
    "no order": ("invoice", {"account": STORE, "invoice": {"number": "1"}}, "order_id: is missing"),
    "no body": ("invoice", {"account": STORE, "order_id": "1-01"}, "body: Input should be"),
    "a list": ("change", {"account": STORE, "order_id": "2-01", "change": [1]}, "body: Input"),
    "a list for a number": (
        "invoice",
        {"account": STORE, "order_id": "3-01", "invoice": {"number": [7]}},
        "number: Input should be a valid string",
    ),
    "a misspelt field": (
        "invoice",
        {"account": STORE, "order_id": "4-01", "invoice": {"number": "7", "vlaue": 1}},
        "vlaue: Extra inputs",
    ),
    "a misspelt argument": (
        "cancel",
        {"account": STORE, "order_id": "5-01", "raeson": "x"},
        "reason: is missing; raeson: Extra inputs",
    ),
    "too much": (
        "note",
        {"account": STORE, "order_id": "6-01", "message": "x" * 2**20},
        "ORDERS_SYNC_MAX_COMMAND_BYTES",
    ),
    "a key for another": (
        "note",
        {"account": STORE, "order_id": "7-01", "message": "b", "key": "taken"},
        "key: 'taken' is command",
    ),
    "an order that is no text": (
        "cancel",
        {"account": STORE, "order_id": {"$ne": 1}, "reason": "x"},
        "404",
    ),
    "half a character": (
        "note",
        {"account": "\ud800", "order_id": "8-01", "message": "x", "key": "\ud800\0"},
        "account: holds half a character",
    ),
    "an account that is not ours": (
        "cancel",
        {"account": "elsewhere", "order_id": "9-01", "reason": "x"},
        "The account elsewhere is not configured here",
    ),
}


def test_rubbish_is_refused_where_people_see_it_and_stops_nobody(plant: Plant) -> None:
    [order_id] = plant.box.create_orders(1, handling=True)
    taken = {"account": STORE, "order_id": order_id, "message": "a", "key": "taken"}
    send(plant, ("orders_sync.note", taken))
    until(lambda: bool(plant.box.order(order_id).interactions), "the first is sent")

    send(plant, *((f"orders_sync.{kind}", given) for kind, given, _ in RUBBISH.values()))
    send(plant, ("orders_sync.nonsense", {}), ("orders_sync.invoice", {"self": 1, "task": 2}))
    send(plant, ("orders_sync.cancel", {"account": STORE, "order_id": order_id, "reason": "x"}))

    until(lambda: plant.box.order(order_id).status == "canceled", "the last is sent")
    until(lambda: is_idle(plant), "no message goes round")
    reasons = [row["reason"] for row in parked(plant)]
    missing = {
        name: words
        for name, (_, _, words) in RUBBISH.items()
        if not any(words in reason for reason in reasons)
    }
    assert missing == {}


def send(plant: Plant, *messages: tuple[str, dict[str, Any]]) -> None:
    """Send tasks by name from a process that imports Celery alone."""
    subprocess.run(
        [sys.executable, "-c", SEND, plant.broker_url],
        input=json.dumps(messages),
        env=plant.environment,
        check=True,
        text=True,
        timeout=60,
    )


def pull(plant: Plant) -> None:
    """Do what beat does: have the ERP asked."""
    message = json.dumps([["erp.pull", {"account": STORE}]])
    program = SEND.replace("kwargs=arguments", "kwargs=arguments, queue='erp'")
    subprocess.run(
        [sys.executable, "-c", program, plant.broker_url], input=message, check=True, text=True
    )


def parked(plant: Plant) -> list[dict[str, Any]]:
    listed = subprocess.run(
        [sys.executable, "-m", "orders_sync", "parked", "list", "--json"],
        env=plant.environment,
        capture_output=True,
        check=True,
    )
    rows: list[dict[str, Any]] = json.loads(listed.stdout)["commands"]
    return rows


def is_idle(plant: Plant) -> bool:
    client = plant.redis()
    return client.llen("celery") == client.hlen("unacked") == 0


def has_commands_table(plant: Plant) -> bool:
    return (plant.home / "erp.sqlite3").exists() and bool(
        in_erp(plant, "SELECT 1 FROM sqlite_master WHERE name = 'erp_commands';")
    )


def in_erp(plant: Plant, statements: str) -> list[tuple[Any, ...]]:
    """Run statements as the ERP does; give the rows of the last."""
    connection = sqlite3.connect(plant.home / "erp.sqlite3", timeout=30)
    try:
        with connection:
            rows: list[tuple[Any, ...]] = []
            for statement in filter(str.strip, re.split(r";$", statements, flags=re.MULTILINE)):
                rows = connection.execute(statement).fetchall()
            return rows
    finally:
        connection.close()
