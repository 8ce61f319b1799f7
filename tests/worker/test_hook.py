"""VTEX's hook through real processes: floods, drops, and servers that are killed meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa
from pydantic import SecretStr
from support.plant import STORE, Plant, running_plant
from support.waiting import until

from orders_sync.embedded import process_list
from orders_sync.embedded.broker import free_port
from orders_sync.embedded.processes import Child
from orders_sync.sandbox import Box
from orders_sync.sandbox.server import serving
from orders_sync.settings import Settings
from orders_sync.upkeep.watch_feed import wanted_hook
from orders_sync.vtex.client import Credentials, VtexClient
from orders_sync.vtex.transport import RequestsTransport

SECRET = "a-secret-of-the-hook"
OTHER = "other"

#: Ten times as many take minutes: python -m benchmarks.hook --flood 10000
FLOOD = 400
BESIDE = 20


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    with running_plant(tmp_path) as plant:
        plant.environment[_of(STORE, "HOOK_SECRET")] = SECRET
        plant.box.dials.hook_loopback = True
        plant.box.dials.hook_pause_seconds = 0.1
        yield plant


def _of(account: str, name: str) -> str:
    return f"ORDERS_SYNC_ACCOUNTS__{account.upper()}__{name}"


def serve(plant: Plant, port: int) -> Child:
    gateway = plant.start("gateway", process_list.gateway(port))

    def answers() -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200
        except requests.ConnectionError:
            return False

    until(lambda: gateway.exit_status() is not None or answers(), "the gateway answers")
    assert gateway.exit_status() is None, plant.log_of("gateway")
    return gateway


def configure(account: str, vtex_url: str, port: int) -> None:
    credentials = Credentials(SecretStr("key"), SecretStr("token"))
    keys = {"app_key": "key", "app_token": "token", "hook_secret": SECRET}
    settings = Settings.model_validate({"accounts": {account: keys}})
    url = f"http://127.0.0.1:{port}/hook/{account}"
    client = VtexClient(account, RequestsTransport(vtex_url), credentials)
    client.set_hook_configuration(wanted_hook(settings, account, url))


def heard(plant: Plant) -> int:
    """Count the changes that the ledger has of the hook; no event is there twice."""
    engine = sa.create_engine(f"sqlite:///{plant.home / 'ledger.sqlite3'}")
    with engine.connect() as connection:
        count = "SELECT count(*) FROM events WHERE handle IS NULL AND problem IS NULL"
        found: int = connection.execute(sa.text(count)).scalar_one()
    engine.dispose()
    return found


def is_taken(plant: Plant, posts: int) -> bool:
    return plant.box.hook.taken >= posts


def test_what_is_posted_while_the_server_is_killed_again_and_again_is_neither_lost_nor_doubled(
    plant: Plant,
) -> None:
    port = free_port()
    gateway = serve(plant, port)
    configure(STORE, plant.environment[_of(STORE, "BASE_URL")], port)
    # Without beat, nothing comes by the feed.
    plant.start_worker()
    orders: list[str] = []

    for round_ in range(3):
        orders += plant.box.create_orders(60)
        wanted = round_ * 60 + 10
        until(partial(is_taken, plant, wanted), "posts are taken")
        gateway.kill()
        gateway = serve(plant, port)
    until(lambda: plant.box.hook.waiting == 0, "every change is taken")
    until(lambda: plant.are_handled(orders), "every order is handled")

    assert plant.box.hook.refused > 0
    assert heard(plant) == len(orders)
    assert plant.in_erp() == set(orders)
    assert [order.doubled for order in plant.box.orders() if order.doubled] == []


def test_a_flood_of_which_a_fifth_is_dropped_ends_with_every_order_handled_once(
    plant: Plant,
) -> None:
    port = free_port()
    box = Box(OTHER, seed=2)
    box.dials.hook_loopback = True
    with serving(box) as url:
        for name, value in {
            "APP_KEY": "key",
            "APP_TOKEN": "token",
            "BASE_URL": url,
            "HOOK_SECRET": SECRET,
        }.items():
            plant.environment[_of(OTHER, name)] = value
        serve(plant, port)
        configure(STORE, plant.environment[_of(STORE, "BASE_URL")], port)
        configure(OTHER, url, port)
        plant.start_worker()
        plant.box.dials.hook_drops = 0.2
        plant.box.dials.hook_duplicates = 0.1
        plant.box.dials.hook_disorder = 0.3

        orders = plant.box.create_orders(FLOOD)
        beside = box.create_orders(BESIDE)
        until(lambda: all(box.order(each).status == "handling" for each in beside), "the other")
        are_others_first = not plant.are_handled(orders)
        plant.start_beat()
        until(lambda: plant.are_handled(orders), "every order is handled")

    assert are_others_first
    assert plant.box.hook.dropped > FLOOD / 10
    assert plant.in_erp() == {*orders, *beside}
    doubled = [order.doubled for order in (*plant.box.orders(), *box.orders()) if order.doubled]
    assert doubled == []
