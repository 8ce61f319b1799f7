"""Real processes: an embedded broker, worker processes and beat, against a sandbox over HTTP."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from pydantic import SecretStr
from support.ledger_files import make_ledger

from orders_sync.demo.stage import BROKER, Stage
from orders_sync.embedded import process_list
from orders_sync.embedded.processes import Child
from orders_sync.sandbox import Box
from orders_sync.sandbox.server import serving
from orders_sync.settings import child_environment
from orders_sync.settings_parts import FeedSettings
from orders_sync.upkeep.watch_feed import ensure_feed
from orders_sync.vtex.client import Credentials, VtexClient
from orders_sync.vtex.transport import RequestsTransport

STORE = "mystore"

_QUICK = {
    f"ORDERS_SYNC_ACCOUNTS__{STORE.upper()}__APP_KEY": "key",
    f"ORDERS_SYNC_ACCOUNTS__{STORE.upper()}__APP_TOKEN": "token",
    "ORDERS_SYNC_LEASE_SECONDS": "12",
    "ORDERS_SYNC_SWEEP_SECONDS": "1",
    "ORDERS_SYNC_IDLE_POLL_SECONDS": "2",
    "ORDERS_SYNC_ACKNOWLEDGE_SECONDS": "1",
    "ORDERS_SYNC_VTEX__READ_SECONDS": "3",
    "ORDERS_SYNC_VTEX__TOTAL_SECONDS": "4",
    "ORDERS_SYNC_VTEX__VISIBLE_AFTER_SECONDS": "1",
    "ORDERS_SYNC_FEED__VISIBILITY_SECONDS": "30",
    "ORDERS_SYNC_RETRY__ORDERS__FIRST_SECONDS": "0.5",
    "ORDERS_SYNC_RETRY__ORDERS__CAP_SECONDS": "2",
    "ORDERS_SYNC_RETRY__ORDERS__ATTEMPTS": "1000",
    "ORDERS_SYNC_LOG_FORMAT": "json",
}


class Plant(Stage):
    """Everything that `orders-sync up` runs, one process at a time under a test's hand."""

    def __init__(self, home: Path, box: Box, vtex_url: str) -> None:
        super().__init__(home, finish_seconds=0.0)
        self.box = box
        self.broker_url = self.start_broker()
        self.environment = child_environment(
            **_QUICK,
            ORDERS_SYNC_HOME=str(home),
            ORDERS_SYNC_BROKER_URL=self.broker_url,
            **{f"ORDERS_SYNC_ACCOUNTS__{STORE.upper()}__BASE_URL": vtex_url},
        )
        make_ledger(f"sqlite:///{home / 'ledger.sqlite3'}")
        self._configure_feed(vtex_url)

    def _configure_feed(self, vtex_url: str) -> None:
        """Configure the feed before the orders: VTEX tells nothing of what came earlier."""
        credentials = Credentials(SecretStr("key"), SecretStr("token"))
        client = VtexClient(STORE, RequestsTransport(vtex_url), credentials)
        ensure_feed(STORE, vtex=client, settings=FeedSettings(visibility_seconds=30))

    def start_worker(self, number: int = 1) -> Child:
        return self.start(f"worker{number}", process_list.worker(number, "info"))

    def start_beat(self) -> Child:
        return self.start("beat", process_list.beat("info"))

    def programs(self) -> list[Child]:
        """All but the broker."""
        return [child for name, child in self.children.items() if name != BROKER]

    def log_of(self, name: str) -> str:
        return (self.home / "logs" / f"{name}.log").read_text()

    def redis(self) -> redis.Redis:
        return redis.Redis.from_url(self.broker_url)

    def in_erp(self) -> set[str]:
        path = self.home / "erp.sqlite3"
        if not path.exists():
            return set()
        connection = sqlite3.connect(path)
        try:
            return {
                row[0]
                for row in connection.execute(
                    "SELECT order_id FROM erp_orders WHERE status IS NOT NULL"
                )
            }
        except sqlite3.OperationalError:
            return set()
        finally:
            connection.close()

    def are_handled(self, orders: list[str]) -> bool:
        return all(self.box.order(order_id).status == "handling" for order_id in orders)


@contextmanager
def running_plant(home: Path) -> Iterator[Plant]:
    box = Box(STORE, seed=1)
    with serving(box) as url, Plant(home, box, url) as plant:
        yield plant
