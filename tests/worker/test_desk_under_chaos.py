"""Every action of the desk, by a real browser, while VTEX is wild and workers are killed."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa
from celery import Celery
from playwright.sync_api import Page
from support.browser import new_page, running_browser, sign_in
from support.desk_site import PASSWORD, add_people
from support.event_receiver import receiving
from support.running import Running, process_ids
from support.waiting import until

from orders_sync.demo.environment import ACCOUNT, demo_environment
from orders_sync.demo.evidence import collect_evidence
from orders_sync.demo.played_staging import open_as_erp, read_erp
from orders_sync.demo.promises import judge
from orders_sync.demo.sandbox_api import SandboxApi
from orders_sync.domain.rules import Standing
from orders_sync.embedded.broker import free_port, running_broker_url
from orders_sync.gateway.grants import create_token
from orders_sync.ledger import Ledger
from orders_sync.ledger.journal import Act
from orders_sync.ledger.tables import operator_log
from orders_sync.sandbox import Box, Dials
from orders_sync.sandbox.server import serving
from orders_sync.settings import Settings

_SECONDS = 240.0
WHY = "since the test says so"


class Shop:
    """What runs, and what an operator finds: each parked thing by what is the matter with it."""

    def __init__(self, home: Path, api: SandboxApi, url: str, ledger: Ledger) -> None:
        self.home = home
        self.api = api
        self.url = url
        self.ledger = ledger
        self.orders: list[str] = []
        self.malformed: list[str] = []
        self.commands: dict[str, str] = {}

    def prepare(self) -> None:
        """Have orders in handling, invoices that are too large, orders and messages of no use."""
        until(lambda: self.api.report().feed_configured, "the feed is configured", seconds=_SECONDS)
        self.orders = self.api.create_orders("plain", 4)
        self.malformed = self.api.create_orders("malformed", 2)
        until(
            lambda: all(map(self.is_handled, self.orders)), "orders are handled", seconds=_SECONDS
        )
        token, _ = create_token(
            self.ledger,
            Settings(_env_file=None),
            name="erp",
            scopes=["send"],
            accounts=None,
            lasts=None,
            act=Act(datetime.now(UTC), "root"),
        )
        for number, order_id in enumerate(self.orders, start=7):
            answer = requests.post(
                f"{self.url}/api/v1/accounts/{ACCOUNT}/orders/{order_id}/invoices",
                json={"number": f"{number}", "value_cents": 99_999_999},
                headers={"Authorization": f"Bearer {token}"},
                timeout=60,
            )
            assert answer.ok, answer.text
            self.commands[f"{number}"] = answer.json()["id"]
        with Celery(broker=running_broker_url(self.home)) as service:
            for _ in range(2):
                service.send_task("other.task", kwargs={}, queue="celery")
        for command_id in self.commands.values():
            self.wait_for_command(command_id, Standing.PARKED)
        for order_id in self.malformed:
            self.wait_for_order(order_id, Standing.PARKED)
        until(lambda: len(self.strays()) == 2, "messages are set aside", seconds=_SECONDS)

    def is_handled(self, order_id: str) -> bool:
        return self.api.order(order_id).status == "handling"

    def strays(self) -> list[str]:
        return [row["id"] for row in self.ledger.strays.parked(limit=10)]

    def command(self, command_id: str) -> dict[str, Any]:
        row = self.ledger.inquiries.command(command_id)
        assert row is not None
        return row

    def wait_for_command(self, command_id: str, standing: Standing) -> None:
        until(lambda: self.command(command_id)["standing"] == standing, standing, seconds=_SECONDS)

    def wait_for_order(self, order_id: str, standing: Standing) -> None:
        def is_so() -> bool:
            row, _, _ = self.ledger.inquiries.story(ACCOUNT, order_id)
            return row is not None and row["standing"] == standing

        until(is_so, f"{order_id} is {standing}", seconds=_SECONDS)

    def acts(self) -> list[str]:
        """Return what the operator's log has of her, with the reason that she gave."""
        with self.ledger.database.reading() as connection:
            rows = connection.execute(sa.select(operator_log).where(operator_log.c.who == "anna"))
            return [row.did for row in rows if row.why == WHY]


@contextmanager
def killing(home: Path) -> Iterator[list[str]]:
    """Kill a worker every few seconds, for as long as the block lasts."""
    stopped, killed, draw = threading.Event(), [], random.Random(7)

    def run() -> None:
        while not stopped.wait(draw.uniform(3, 6)):
            workers = {n: pid for n, pid in process_ids(home).items() if n.startswith("worker")}
            if workers:
                name = draw.choice(sorted(workers))
                os.kill(workers[name], signal.SIGKILL)
                killed.append(name)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield killed
    finally:
        stopped.set()
        thread.join()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    home, port = tmp_path / "home", free_port()
    box = Box(ACCOUNT, seed=5, dials=Dials.preset("wild"))
    with serving(box) as vtex_url, closing(SandboxApi(vtex_url)) as api:
        env = demo_environment(home, broker_url="", sandbox_url=vtex_url)
        del env["ORDERS_SYNC_BROKER_URL"]
        env["ORDERS_SYNC_GATEWAY__PORT"] = f"{port}"
        env["ORDERS_SYNC_ENDPOINTS__PRIVATE_ADDRESSES"] = "true"
        with Running(tmp_path, "up", "--workers", "2", "--no-flower", env=env) as up:
            up.wait_for("Running for sandbox")
            url = f"sqlite:///{home / 'ledger.sqlite3'}"
            with closing(Ledger(url, lease=timedelta(seconds=60))) as ledger:
                add_people(ledger)
                yield Shop(home, api, f"http://127.0.0.1:{port}", ledger)
            up.ask(signal.SIGTERM)


def said(page: Page) -> str:
    return page.get_by_role("status").first.inner_text()


def press(page: Page, button: str, *, why: str | None) -> None:
    """Give the reason in a form's field, and press the form's button."""
    if why is not None:
        page.locator(f"#{why}").fill(WHY)
        page.locator("form", has=page.locator(f"#{why}")).get_by_role("button").click()
    else:
        page.get_by_role("button", name=button, exact=True).click()


def test_every_action_of_the_desk_ends_as_it_says(shop: Shop) -> None:
    shop.prepare()

    with killing(shop.home) as killed, running_browser() as browser, receiving() as receiver:
        page = new_page(browser)
        sign_in(page, shop.url, "anna")
        mend_commands(page, shop)
        decide_orders_and_strays(page, shop)
        let_in_and_shut_out(page, shop)
        manage_an_endpoint(page, shop, receiver.url)
        set_up_herself(page, shop)

    assert killed
    ledger_agrees(shop)


def mend_commands(page: Page, shop: Shop) -> None:
    """Edit one command, give one up, retry one, and all of their cause."""
    page.goto(f"{shop.url}/desk/command?id={shop.commands['7']}")
    page.get_by_label("Value").fill("10.00")
    press(page, "Change and send", why="why-edit")
    assert said(page) == "It is changed, and will be sent."
    page.goto(f"{shop.url}/desk/command?id={shop.commands['8']}")
    press(page, "Give up", why="why-discard")
    assert said(page) == "It is given up."
    page.goto(f"{shop.url}/desk/command?id={shop.commands['9']}")
    press(page, "Retry", why="why-retry")
    assert said(page) == "It is tried again."
    shop.wait_for_command(shop.commands["9"], Standing.PARKED)
    page.goto(f"{shop.url}/desk/retry?cause=invoice.over_invoiced")
    press(page, "Retry", why="why")
    page.get_by_text("2 are tried again.").wait_for()


def decide_orders_and_strays(page: Page, shop: Shop) -> None:
    """Have an order read afresh, retry one, give one up; put a message back, erase another."""
    order = f"{shop.url}/desk/order?account={ACCOUNT}&id="
    page.goto(f"{order}{shop.orders[3]}")
    press(page, "Read it afresh", why="why-read")
    assert said(page) == "It is read afresh."
    page.goto(f"{order}{shop.malformed[0]}")
    press(page, "Retry", why="why-retry")
    assert said(page) == "It is tried again."
    page.goto(f"{order}{shop.malformed[1]}")
    press(page, "Give up", why="why-discard")
    assert said(page) == "It is given up."
    first, second = shop.strays()
    for stray, form, says in (
        (first, "why-retry", "It is tried again."),
        (second, "why-discard", "It is given up."),
    ):
        page.goto(f"{shop.url}/desk/stray?id={stray}")
        press(page, "", why=form)
        assert said(page) == says


def let_in_and_shut_out(page: Page, shop: Shop) -> None:
    """Let somebody in, with a new password, and shut them out; make a token, and end it."""
    page.goto(f"{shop.url}/desk/people")
    page.locator("#name").fill("bruno")
    page.get_by_label("All accounts").check()
    press(page, "Let in", why="why-create")
    assert "bruno" in said(page)
    for did, says in (("password", "bruno"), ("disable", "shut out"), ("enable", "come in again")):
        page.locator("tr:has-text('bruno') summary").click()
        field = page.locator(f"tr:has-text('bruno') input[id^='why-{did}-']")
        field.fill(WHY)
        field.locator("xpath=ancestor::form").get_by_role("button").click()
        assert says in said(page)
    page.goto(f"{shop.url}/desk/tokens")
    page.get_by_label("Who will call").fill("warehouse")
    page.get_by_label("send:invoice").check()
    page.get_by_label("All accounts").check()
    press(page, "Make a token", why="why-create")
    assert "osync_" in said(page)
    page.locator("tr:has-text('warehouse') summary").click()
    page.locator("tr:has-text('warehouse') input[name=why]").fill(WHY)
    page.get_by_role("button", name="End for good warehouse").click()
    assert said(page) == "This token is ended."


def manage_an_endpoint(page: Page, shop: Shop, receiver_url: str) -> None:
    """Add an endpoint, try it, switch it off and on, replay, give it a secret, and remove it."""
    page.goto(f"{shop.url}/desk/endpoints")
    page.get_by_label("Address").fill(receiver_url)
    press(page, "Add the endpoint", why="why-add")
    assert "whsec_" in said(page)
    page.locator("a[href^='/desk/endpoint?']").first.click()
    press(page, "Send a test", why=None)
    assert said(page) == "It took the test. 200"
    for form, says in (
        ("why-disable", "It is off: what waits is kept."),
        ("why-enable", "It is on again, beginning with what waits."),
        ("why-rotate", "whsec_"),
    ):
        press(page, "", why=form)
        assert says in said(page)
    page.get_by_label("All of so many hours").fill("1")
    press(page, "Send again", why="why-replay")
    assert "sent again" in said(page)
    press(page, "Remove", why="why-remove")
    assert said(page) == "It is removed, with all that waited for it."


def set_up_herself(page: Page, shop: Shop) -> None:
    """Find an order, choose a language and a password, and sign out."""
    page.goto(f"{shop.url}/desk/search?q={shop.orders[0]}")
    page.get_by_role("heading", name=f"Order {shop.orders[0]}").wait_for()
    page.goto(f"{shop.url}/desk/me")
    page.get_by_label("Language").select_option("pt")
    page.get_by_role("button", name="Keep").first.click()
    page.get_by_label("Idioma").select_option("en")
    page.get_by_role("button", name="Guardar").first.click()
    page.get_by_label("Present password").fill(PASSWORD)
    page.get_by_label("New password").fill(f"{PASSWORD} anew")
    page.get_by_role("button", name="Keep").last.click()
    assert said(page) == "It is kept."
    page.get_by_role("button", name="Sign out").click()
    assert said(page).startswith("You are signed out here.")


def ledger_agrees(shop: Shop) -> None:
    """Hold what the pages said against the ledger, the operator's log, VTEX and the ERP."""
    shop.wait_for_command(shop.commands["7"], Standing.DONE)
    for number in ("9", "10"):
        shop.wait_for_command(shop.commands[number], Standing.PARKED)
    assert shop.command(shop.commands["8"])["standing"] == Standing.VOID
    shop.wait_for_order(shop.malformed[0], Standing.PARKED)
    shop.wait_for_order(shop.malformed[1], Standing.VOID)
    until(lambda: len(shop.strays()) == 1, "the message came back", seconds=_SECONDS)
    assert [
        [package.number for package in shop.api.order(order_id).packages]
        for order_id in shop.orders
    ] == [["7"], [], [], []]
    assert {did.partition(" ep_")[0] for did in shop.acts()} >= {
        f"parked edit {shop.commands['7']}",
        f"parked discard {shop.commands['8']}",
        f"parked retry {shop.commands['9']}",
        f"parked retry {shop.commands['10']}",
        "orders sync",
        "parked retry",
        "parked discard",
        "users create bruno",
        "users passwd bruno",
        "users disable bruno",
        "users enable bruno",
        "tokens create warehouse",
        "tokens revoke warehouse",
        *(f"endpoints {did}" for did in ("add", "disable", "enable", "rotate", "replay", "remove")),
    }
    engine = open_as_erp(f"sqlite:///{shop.home / 'erp.sqlite3'}")
    verdicts = judge(collect_evidence(shop.home, shop.api.everything(), read_erp(engine)))
    engine.dispose()
    named = ("nothing_lost", "nothing_doubled", "in_order", "nothing_personal_leaks")
    assert {v.name: v.why for v in verdicts if v.name in named and not v.kept} == {}
