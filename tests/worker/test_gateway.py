"""The HTTP API as a service meets it: real processes, killed and cut off."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from support.plant import STORE, Plant, running_plant
from support.waiting import until

from orders_sync.embedded import process_list
from orders_sync.embedded.broker import free_port
from orders_sync.embedded.processes import Child
from orders_sync.ledger import Ledger
from orders_sync.settings import Settings

PAGE = (Path(__file__).parents[2] / "docs" / "http-api.md").read_text()
ASKED = 60


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    with running_plant(tmp_path_factory.mktemp("gateway")) as plant:
        yield plant


def types(plant: Plant, *words: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "orders_sync", *words],
        env=plant.environment,
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    ).stdout.strip()


def made_token(plant: Plant, name: str, *scopes: str) -> str:
    given = [word for scope in scopes for word in ("--scope", scope)]
    return types(plant, "tokens", "create", "--name", name, "--account", STORE, *given)


def answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/readyz", timeout=5).ok
    except requests.ConnectionError:
        return False


def started(plant: Plant, port: int, **changes: str) -> tuple[Child, str]:
    url, name = f"http://127.0.0.1:{port}", f"gateway-{port}"
    gateway = plant.start(name, process_list.gateway(port), **changes)
    until(lambda: gateway.exit_status() is not None or answers(url), "the gateway answers")
    assert gateway.exit_status() is None, plant.log_of(name)
    return gateway, url


def kept(plant: Plant) -> list[dict[str, Any]]:
    settings = Settings(home=plant.home)
    ledger = Ledger(settings.ledger, lease=settings.lease)
    try:
        return [dict(row) for row in ledger.inquiries.list_commands(limit=1000)]
    finally:
        ledger.close()


def test_a_service_with_curl_and_a_token_sends_an_invoice_and_learns_its_outcome(
    plant: Plant,
) -> None:
    [example] = re.findall(r"```sh\n(curl .*?)```", PAGE, re.DOTALL)
    _, url = started(plant, free_port())
    worker = plant.start_worker()
    [order_id] = plant.box.create_orders(1, handling=True)
    token = made_token(plant, "warehouse", "send:invoice")
    environment = {**plant.environment, "TOKEN": token, "ORDERS_SYNC": url, "ORDER": order_id}
    said: list[dict[str, Any]] = []

    def is_done() -> bool:
        answer = subprocess.run(
            ["/bin/sh", "-euc", example],
            env=environment,
            check=True,
            capture_output=True,
            timeout=120,
        )
        said.append(json.loads(answer.stdout))
        return bool(said[-1]["standing"] == "done")

    until(is_done, "the invoice is in effect")
    worker.kill()

    assert plant.box.order(order_id).status == "invoiced"
    assert len({answer["id"] for answer in said}) == 1
    assert (said[-1]["outcome"], said[-1]["caller"]) == ("done", "warehouse")
    told = json.loads(types(plant, "commands", "show", said[-1]["id"], "--json"))
    assert (told["caller"], told["asked_key"]) == ("warehouse", "erp-4711")


def test_what_was_answered_is_kept_and_nothing_twice_where_the_process_is_killed_again_and_again(
    plant: Plant,
) -> None:
    port = free_port()
    gateway, url = started(plant, port)
    token = made_token(plant, "killed", "send:note")
    path = f"{url}/api/v1/accounts/{STORE}/orders/1-01/notes"
    accepted: dict[int, str] = {}
    killed = threading.Event()

    def ask(number: int) -> None:
        while number not in accepted:
            try:
                answer = requests.post(
                    path,
                    json={"message": f"{number}"},
                    headers={"Authorization": f"Bearer {token}", "Idempotency-Key": f"k{number}"},
                    timeout=30,
                )
            except requests.RequestException:
                killed.set()
                until(lambda: answers(url), "the gateway answers again")
                continue
            assert answer.status_code == 202, answer.text
            accepted[number] = answer.json()["id"]

    def are_accepted(number: int) -> bool:
        return len(accepted) >= number

    with ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(ask, number) for number in range(ASKED)]
        for share in (6, 3, 2):
            until(partial(are_accepted, ASKED // share), "some are accepted")
            gateway.kill()
            gateway, _ = started(plant, port)
        for thread in asking:
            thread.result()

    assert killed.is_set()
    rows = [row for row in kept(plant) if row["caller"] == "killed"]
    assert {row["id"] for row in rows} == set(accepted.values())
    assert sorted(row["asked_key"] for row in rows) == sorted(f"k{n}" for n in range(ASKED))


def test_without_a_broker_it_accepts_all_the_same(plant: Plant) -> None:
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    port = free_port()
    gateway, url = started(plant, port, ORDERS_SYNC_BROKER_URL=nowhere)
    token = made_token(plant, "alone", "send:note")

    answer = requests.post(
        f"{url}/api/v1/accounts/{STORE}/orders/2-01/notes",
        json={"message": "hello"},
        headers={"Authorization": f"Bearer {token}"},
        timeout=60,
    )
    gateway.terminate()

    assert gateway.ended_within(60)

    assert answer.status_code == 202
    assert gateway.exit_status() == 0
    assert "Traceback" not in plant.log_of(f"gateway-{port}")
    assert token not in plant.log_of(f"gateway-{port}")
