"""Flower as a real process: never open, ids only, and with a memory."""

from __future__ import annotations

import shelve
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from celery import Celery
from support.flower import LOGIN, Flower
from support.plant import STORE, Plant, running_plant
from support.waiting import until

from orders_sync.demo.evidence import contains_personal_data, files_with_leaks
from orders_sync.embedded import process_list
from orders_sync.embedded.processes import Child
from orders_sync.errors import ConfigurationError
from orders_sync.settings import child_environment
from orders_sync.worker.flower import require_password
from orders_sync.worker.startup import CONFIGURATION_STATUS
from orders_sync.worker.task import ServiceTask, TaskCrashed

CELERY = (sys.executable, "-m", "celery", "-A", "orders_sync")
POLICY = "Content-Security-Policy"
#: How many tasks a Flower remembers that was told to remember few.
MOST = 50
PERSON = "Conceição Araújo Simões"


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    with running_plant(tmp_path_factory.mktemp("flower")) as plant:
        yield plant


@pytest.fixture(scope="module")
def flower(plant: Plant) -> Flower:
    flower = Flower(plant, FLOWER_STATE_SAVE_INTERVAL="300")
    start_worker(plant, flower)
    return flower


def start_worker(plant: Plant, flower: Flower) -> Child:
    """Start a worker that tells of its tasks from the first, not only once Flower asks it to."""
    worker = plant.start("worker1", (*process_list.worker(1, "info"), "--task-events"))
    until(flower.hears_a_worker, "Flower hears of the worker")
    return worker


def send(plant: Plant, task: str, **options: Any) -> str:
    """Send a task as a stock Celery service does that announces all it sends."""
    app = Celery(broker=plant.broker_url, set_as_current=False)
    app.conf.task_send_sent_event = True
    kwargs = {"account": STORE, "order_id": "1172452900704-01", "message": PERSON}
    sent = app.send_task(task, kwargs=kwargs, **options)
    app.close()
    return str(sent.id)


@pytest.mark.parametrize(
    ("environment", "arguments", "words"),
    [
        pytest.param({}, (), "FLOWER_BASIC_AUTH is missing", id="no password"),
        pytest.param({"FLOWER_BASIC_AUTH": ""}, (), "is wrong", id="an empty variable"),
        pytest.param({}, ("--basic-auth=me:",), "is wrong", id="an empty password"),
        pytest.param({"FLOWER_UNAUTHENTICATED_API": "true"}, (), "is missing", id="an open API"),
    ],
)
def test_it_does_not_start_without_a_password(
    tmp_path: Path, environment: dict[str, str], arguments: tuple[str, ...], words: str
) -> None:
    env = child_environment(
        ORDERS_SYNC_HOME=str(tmp_path),
        ORDERS_SYNC_BROKER_URL="redis://127.0.0.1:9/0",
        **environment,
    )

    ended = subprocess.run(
        [*CELERY, "flower", *arguments], env=env, capture_output=True, text=True, check=False
    )

    [line] = ended.stderr.splitlines()
    assert line.startswith("orders-sync: FLOWER_BASIC_AUTH")
    assert words in line
    assert ended.returncode == CONFIGURATION_STATUS


@pytest.mark.parametrize(
    ("basic_auth", "oauth"),
    [
        pytest.param(["me:secret"], "", id="a password"),
        pytest.param(["me:a:b", "you:c"], "", id="passwords, one with a colon"),
        pytest.param([], ".*@example.com", id="OAuth"),
    ],
)
def test_a_password_or_oauth_lets_it_start(basic_auth: list[str], oauth: str) -> None:
    require_password(basic_auth, oauth)


@pytest.mark.parametrize(
    "basic_auth",
    [
        pytest.param(["me:secret", "you"], id="a comma within a password"),
        pytest.param([":secret"], id="no user"),
        pytest.param(["secret:"], id="no password"),
    ],
)
def test_half_a_login_is_refused_and_not_repeated(basic_auth: list[str]) -> None:
    with pytest.raises(ConfigurationError, match="must be user:password") as refused:
        require_password(basic_auth, "")

    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "path", ["/", "/workers", "/tasks", "/broker", "/api/tasks", "/api/workers", "/metrics"]
)
def test_a_stranger_sees_nothing(flower: Flower, path: str) -> None:
    assert flower.get(path, login=None).status_code == 401
    assert flower.get(path, login=("me", "wrong")).status_code == 401
    assert flower.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/", "/tasks", "/nothing", "/static/js/flower.js", "/api/tasks"])
def test_every_answer_says_what_its_page_may_do(flower: Flower, path: str) -> None:
    for login in (LOGIN, None):
        headers = flower.get(path, login=login).headers

        assert headers["X-Frame-Options"] == "DENY"
        assert headers["X-Content-Type-Options"] == "nosniff"
        policy = dict(part.strip().split(" ", 1) for part in headers[POLICY].split(";"))
        assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
        assert "unsafe" not in policy["script-src"]


def test_its_health_may_be_asked_by_anybody(flower: Flower) -> None:
    assert flower.get("/healthcheck", login=None).text == "OK"


def test_the_body_of_another_services_command_is_not_shown(plant: Plant, flower: Flower) -> None:
    task_id = send(plant, "orders_sync.note", queue="celery")

    until(lambda: flower.knows(task_id, state="SUCCESS"), "Flower has seen the task end")
    task = flower.tasks()[task_id]

    assert task["name"] == "orders_sync.note"
    assert task["kwargs"] == f"{{'account': '{STORE}', 'order_id': '1172452900704-01'}}"
    assert task["sent"] is not None
    assert not contains_personal_data(flower.get(f"/task/{task_id}").text, [PERSON])


def test_what_a_service_announces_of_a_task_that_nobody_took_is_not_shown(
    plant: Plant, flower: Flower
) -> None:
    task_id = send(plant, "orders_sync.note", queue="nowhere")

    until(lambda: flower.knows(task_id, state="PENDING"), "Flower has heard of the task")

    assert flower.tasks()[task_id]["kwargs"] is None


def test_a_worker_holds_nothing_for_later(plant: Plant, flower: Flower) -> None:
    task_id = send(plant, "orders_sync.note", queue="celery", countdown=3600)
    until(lambda: flower.knows(task_id, state="SUCCESS"), "the worker is done with the message")

    inspected = subprocess.run(
        [*CELERY, "inspect", "scheduled"],
        env=plant.environment,
        capture_output=True,
        text=True,
        check=True,
    )

    assert task_id not in inspected.stdout


@pytest.mark.parametrize(
    "path",
    [
        *("task/revoke/7?terminate=true", "task/rate-limit/feed.poll", "task/timeout/feed.poll"),
        *("worker/shutdown/NODE", "worker/queue/cancel-consumer/NODE?queue=erp"),
        *("worker/queue/add-consumer/NODE", "worker/pool/grow/NODE", "worker/pool/shrink/NODE"),
        *("worker/pool/restart/NODE", "worker/pool/autoscale/NODE"),
    ],
)
def test_its_buttons_change_nothing(flower: Flower, path: str) -> None:
    node = process_list.worker_node(1)
    url = flower.url(f"/api/{path.replace('NODE', node)}")

    stranger = requests.post(url, timeout=30)
    user = requests.post(url, auth=LOGIN, timeout=30)

    assert stranger.status_code == 401
    assert user.status_code == 403
    assert "ORDERS_SYNC_ALLOW_CONTROL" in user.text


def test_nothing_personal_is_kept_or_logged(plant: Plant, flower: Flower) -> None:
    task_id = send(plant, "orders_sync.note", queue="celery")
    until(lambda: flower.knows(task_id, state="SUCCESS"), "Flower has seen the task end")
    until(lambda: is_saved(plant, task_id), "Flower has saved what it saw")

    files = [*plant.home.glob("flower.d*"), *(plant.home / "logs").iterdir()]

    assert files_with_leaks(files, [PERSON]) == []


def test_a_crash_is_told_without_the_text_of_the_error() -> None:
    app = Celery(set_as_current=False)
    text = f"no such customer: {PERSON}"

    @app.task(base=ServiceTask, name="feed.crash")
    def crash() -> None:
        raise KeyError(text)

    result = crash.apply()

    assert isinstance(result.result, TaskCrashed)
    assert str(result.result).startswith("KeyError at ")
    assert "crash" in str(result.result)
    assert PERSON not in result.traceback


def test_its_history_outlives_a_kill(tmp_path: Path) -> None:
    with running_plant(tmp_path) as plant:
        flower = Flower(plant, FLOWER_STATE_SAVE_INTERVAL="300")
        worker = start_worker(plant, flower)
        task_id = send(plant, "orders_sync.note", queue="celery")
        until(lambda: flower.knows(task_id, state="SUCCESS"), "Flower has seen the task end")
        # One save may have begun before the task's end was seen; the next has not.
        for _ in range(2):
            before = saved_at(plant)
            until(lambda: saved_at(plant) > before, "Flower has saved what it saw")  # noqa: B023
        worker.kill()

        flower.child.kill()
        flower.start()

        assert flower.knows(task_id, name="orders_sync.note", state="SUCCESS")


def test_its_history_has_an_end_also_after_a_restart(tmp_path: Path) -> None:
    with running_plant(tmp_path) as plant:
        flower = Flower(plant, FLOWER_MAX_TASKS=str(MOST), FLOWER_STATE_SAVE_INTERVAL="0")
        pour(plant, flower, "w1@poured", range(MOST * 4))
        seen = flower.tasks()
        flower.child.terminate()
        until(lambda: flower.child.exit_status() is not None, "Flower has ended")
        with shelve.open(str(plant.home / "flower"), flag="r") as saved:  # noqa: S301 - our own.
            kept = saved["events"]
        flower.start()
        pour(plant, flower, "w2@poured", range(MOST * 4, MOST * 6))

        assert set(seen) == {f"task-{number}" for number in range(MOST * 3, MOST * 4)}
        assert len(kept.tasks) == MOST
        assert len(kept._taskheap) <= MOST * kept.heap_multiplier
        assert set(flower.tasks()) == {f"task-{n}" for n in range(MOST * 5, MOST * 6)}


def pour(plant: Plant, flower: Flower, node: str, numbers: range) -> None:
    """Tell of tasks as a worker does that has them, once Flower listens, until it knows the last.

    Each says that it began as well, so that there are twice as many events.
    """
    app = Celery(broker=plant.broker_url, set_as_current=False)
    with app.connection_for_write() as connection:
        worker = app.events.Dispatcher(connection, hostname=node, enabled=True)

        def is_heard() -> bool:
            worker.send("worker-online", freq=10)
            return node in flower.get("/workers?json=1").text

        until(is_heard, "Flower listens")
        for number in numbers:
            for event in ("task-received", "task-started"):
                worker.send(event, uuid=f"task-{number}", name="feed.tick", retries=0)
    app.close()
    until(lambda: flower.knows(f"task-{numbers[-1]}", state="STARTED"), "Flower knows the last")


def saved_at(plant: Plant) -> int:
    """When Flower's history last changed; saves go through other files that come and go."""
    history = [path for path in plant.home.glob("flower*") if path.suffix != ".log"]
    return max((path.stat().st_mtime_ns for path in history if path.exists()), default=0)


def is_saved(plant: Plant, task_id: str) -> bool:
    try:
        return any(task_id.encode() in path.read_bytes() for path in plant.home.glob("flower*"))
    except FileNotFoundError:
        # Flower renames what it saves.
        return False
