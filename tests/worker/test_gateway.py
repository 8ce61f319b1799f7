"""The HTTP API as a service meets it: real processes, killed and cut off."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from support.event_receiver import Receiver, receiving
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
        plant.environment["ORDERS_SYNC_ENDPOINTS__PRIVATE_ADDRESSES"] = "true"
        yield plant


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


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


def shell(command: str, environment: dict[str, str]) -> dict[str, Any]:
    """Return the JSON that a command prints."""
    ended = subprocess.run(
        ["/bin/sh", "-euc", command],
        env=environment,
        check=True,
        capture_output=True,
        timeout=120,
    )
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer


def commands_told(receiver: Receiver) -> list[str]:
    """Return the commands of the events that came, with their headers, in order."""
    return [
        event["data"]["command_id"]
        for event, _ in zip(receiver.received, receiver.headers, strict=False)
    ]


def kept_of(plant: Plant, caller: str) -> list[dict[str, Any]]:
    """Return the commands of a token that the ledger has."""
    settings = Settings(home=plant.home)
    with closing(Ledger(settings.ledger, lease=settings.lease)) as ledger:
        rows = ledger.inquiries.list_commands(limit=1000)
    return [dict(row) for row in rows if row["caller"] == caller]


def test_a_service_with_curl_and_a_token_sends_an_invoice_and_learns_its_outcome_three_ways(
    plant: Plant, receiver: Receiver, tmp_path: Path
) -> None:
    ask, look = re.findall(r"```sh\n(curl .*?)```", PAGE, re.DOTALL)
    headers = tmp_path / "headers"
    _, url = started(plant, free_port())
    endpoint = json.loads(
        types(plant, "endpoints", "add", receiver.url, "--event", "command.done", "--json")
    )
    worker = plant.start_worker()
    [order_id] = plant.box.create_orders(1, handling=True)
    token = made_token(plant, "warehouse", "send:invoice")
    environment = {**plant.environment, "TOKEN": token, "ORDERS_SYNC": url, "ORDER": order_id}
    said: list[dict[str, Any]] = []

    def is_done() -> bool:
        said.append(shell(f"{ask.rstrip()} --dump-header '{headers}'", environment))
        return bool(said[-1]["standing"] == "done")

    until(is_done, "the invoice is in effect")
    [location] = re.findall(r"(?im)^location: (\S+)", headers.read_text())
    status = shell(look, {**environment, "LOCATION": location})
    until(lambda: status["id"] in commands_told(receiver), "its event has come")
    worker.kill()

    assert plant.box.order(order_id).status == "invoiced"
    assert {answer["id"] for answer in said} == {status["id"]}
    assert (said[-1]["outcome"], said[-1]["caller"]) == ("done", "warehouse")
    assert (status["standing"], status["outcome"]) == ("done", "done")
    event = receiver.verify(endpoint["secret"], commands_told(receiver).index(status["id"]))
    assert (event["type"], event["data"]["key"]) == ("command.done", "erp-4711")
    told = json.loads(types(plant, "commands", "show", said[-1]["id"], "--json"))
    assert (told["caller"], told["asked_key"]) == ("warehouse", "erp-4711")


def test_a_process_that_is_killed_between_commit_and_answer_leaves_the_command_to_the_next(
    plant: Plant,
) -> None:
    port = free_port()
    gateway, url = started(plant, port)
    token = made_token(plant, "cut off", "send:note")
    ask = partial(
        requests.post,
        f"{url}/api/v1/accounts/{STORE}/orders/3-01/notes",
        json={"message": "hello"},
        timeout=120,
    )
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "cut-off"}

    with ThreadPoolExecutor(1) as pool:
        # Nothing works on it, so its answer is not due before those seconds are over.
        unanswered = pool.submit(ask, headers={**headers, "Prefer": "wait=50"})
        until(lambda: kept_of(plant, "cut off"), "the command is in the ledger")
        gateway.kill()
    [kept] = kept_of(plant, "cut off")
    started(plant, port)
    answer = ask(headers=headers)

    assert isinstance(unanswered.exception(), requests.ConnectionError)
    assert answer.status_code == 202
    assert (answer.json()["id"], answer.json()["is_new"]) == (kept["id"], False)
    assert [row["id"] for row in kept_of(plant, "cut off")] == [kept["id"]]


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
    rows = kept_of(plant, "killed")
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
