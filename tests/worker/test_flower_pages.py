"""Flower's pages as a person sees them, in a real browser, once there is something to see."""

from __future__ import annotations

import html
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from urllib.parse import urlsplit

import pytest
from celery import Celery
from support.browser import chromium
from support.flower import LOGIN, Flower
from support.plant import STORE, Plant, running_plant
from support.waiting import until

from orders_sync.demo.evidence import contains_personal_data
from orders_sync.embedded import process_list

#: Time that passes for the page, not for us: its scripts have fetched and drawn by then.
PAGE_MILLISECONDS = 10_000

#: How many tasks the list begins with.
ROWS = 15


@dataclass(frozen=True)
class Site:
    """A Flower that has seen something, and a browser to look at it."""

    flower: Flower
    browser: str
    profiles: Path
    order_id: str
    worker: str
    broker_password: str
    people: list[str]

    def page(self, path: str) -> str:
        """Give what a browser that was never here makes of a page; its address has the password."""
        self.profiles.mkdir(exist_ok=True)
        options = (
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            f"--user-data-dir={mkdtemp(dir=self.profiles)}",
            f"--virtual-time-budget={PAGE_MILLISECONDS}",
            "--enable-logging=stderr",
            "--dump-dom",
        )
        address = self.flower.url(path, login=":".join(LOGIN) + "@")
        shown = subprocess.run(
            [self.browser, *options, address],
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=True,
        )
        refused = [line for line in shown.stderr.splitlines() if "Content Security" in line]
        assert refused == []
        return html.unescape(shown.stdout)


@pytest.fixture(scope="module")
def browser() -> str:
    return chromium()


@pytest.fixture(scope="module")
def site(browser: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("pages")
    with running_plant(home) as plant:
        flower = Flower(plant)
        plant.start("worker1", (*process_list.worker(1, "info"), "--task-events"))
        until(flower.hears_a_worker, "Flower hears of the worker")
        order_id = put_through(plant, flower)
        [worker] = {task["worker"] for task in flower.tasks().values()}
        password = urlsplit(plant.broker_url).password or ""
        people = plant.box.people()
        yield Site(flower, browser, home / "browsers", order_id, worker, password, people)


def put_through(plant: Plant, flower: Flower) -> str:
    """Have orders handled, and a note about one of them that quotes its customer; give its id."""
    beat = plant.start_beat()
    orders = plant.box.create_orders(5)
    until(lambda: plant.are_handled(orders), "every order is handled")
    beat.terminate()
    app = Celery(broker=plant.broker_url, set_as_current=False)
    note = {"account": STORE, "order_id": orders[0], "message": " ".join(plant.box.people()[:9])}
    sent = app.send_task("orders_sync.note", kwargs=note, queue="celery")
    app.close()
    until(lambda: plant.box.order(orders[0]).interactions, "the note is in VTEX")
    until(lambda: flower.knows(sent.id, state="SUCCESS"), "Flower has seen the note")
    assert contains_personal_data(note["message"], plant.box.people())
    return orders[0]


def test_the_list_of_tasks_names_them_and_nobody(site: Site) -> None:
    tasks = sorted(site.flower.tasks().values(), key=lambda task: task["received"])
    newest = {task["name"] for task in tasks[-ROWS:]}

    page = site.page("/tasks")

    assert "orders_sync.note" in newest
    assert [name for name in newest if name not in page] == []
    assert site.worker in page
    assert not contains_personal_data(page, site.people)


@pytest.mark.parametrize("name", ["feed.poll", "orders.fetch", "orders_sync.note"])
def test_tasks_are_found_by_name(site: Site, name: str) -> None:
    page = site.page(f"/tasks?name={name}")

    [table] = re.findall(r'<table id="tasks-table".*?</table>', page, re.DOTALL)
    assert name in table
    assert "upkeep.tick" not in table
    assert not contains_personal_data(page, site.people)


def test_each_task_names_its_order_and_nobody(site: Site) -> None:
    about = {
        task_id: task
        for task_id, task in site.flower.tasks().items()
        if site.order_id in str(task["kwargs"])
    }
    assert {"orders.fetch", "orders_sync.note"} <= {task["name"] for task in about.values()}

    for task_id, task in about.items():
        page = site.page(f"/task/{task_id}")

        assert task["name"] in page
        assert site.order_id in page
        assert not contains_personal_data(page, site.people)


@pytest.mark.parametrize("path", ["/", "/workers"])
def test_the_list_of_workers_names_them_and_nobody(site: Site, path: str) -> None:
    page = site.page(path)

    assert site.worker in page
    assert not contains_personal_data(page, site.people)


def test_a_worker_shows_its_queues_and_nobody(site: Site) -> None:
    page = site.page(f"/worker/{site.worker}")

    assert "orders.fetch" in page
    assert "tracking" in page
    assert site.broker_password not in page
    assert not contains_personal_data(page, site.people)


def test_the_broker_page_shows_the_queues_and_neither_password_nor_person(site: Site) -> None:
    page = site.page("/broker")

    assert {"orders", "erp", "invoice", "tracking", "cancel", "change"} <= set(
        re.findall(r"\w+", page)
    )
    assert site.broker_password not in page
    assert not contains_personal_data(page, site.people)


def test_a_stranger_is_shown_nothing(site: Site) -> None:
    answer = site.flower.get("/tasks", login=None)

    assert answer.status_code == 401
    assert "orders" not in answer.text
