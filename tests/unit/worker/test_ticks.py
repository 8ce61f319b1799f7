from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from support.ledger_files import make_ledger
from support.turns import leave_poll

from orders_sync.domain.steps import Queue
from orders_sync.embedded.broker import EmbeddedBroker
from orders_sync.ledger.accounts import Chore
from orders_sync.settings import Settings
from orders_sync.settings_parts import AccountSettings
from orders_sync.worker.app import OrdersSyncApp
from orders_sync.worker.schedule import QUICK_LEASE
from orders_sync.worker.startup import create_app

TASKS = (
    "orders_sync.inbound.tasks",
    "orders_sync.outbound.tasks",
    "orders_sync.upkeep.tasks",
)


class Ticker:
    """An app whose ticks run here, with a broker whose messages can be looked at."""

    def __init__(self, app: OrdersSyncApp, broker: EmbeddedBroker) -> None:
        self.app = app
        self.broker = broker

    @property
    def accounts(self) -> Any:
        return self.app.services.ledger.accounts

    def tick(self, name: str = "feed.tick") -> None:
        self.app.tasks[name].run()

    def messages(self, task: Chore) -> list[dict[str, Any]]:
        """Take the turns of a task's messages from the broker."""
        with redis.Redis.from_url(self.broker.url or "") as client:
            raw = [text for queue in Queue for text in client.lrange(queue.value, 0, -1)]
            client.delete(*(queue.value for queue in Queue))
        messages = [json.loads(text) for text in raw]
        return [
            json.loads(base64.b64decode(message["body"]))[1]["turns"]
            for message in messages
            if message["headers"]["task"] == task
        ]


@pytest.fixture
def make_ticker(tmp_path: Path) -> Iterator[Callable[..., Ticker]]:
    broker = EmbeddedBroker(tmp_path)
    broker.start()
    apps: list[OrdersSyncApp] = []

    def make(*accounts: str) -> Ticker:
        account = AccountSettings(app_key="k", app_token="t")
        settings = Settings(
            accounts=dict.fromkeys(accounts, account), home=tmp_path, broker_url=broker.url
        )
        make_ledger(settings.ledger)
        app = create_app(settings, include=TASKS)
        app.loader.import_default_modules()
        app.finalize()
        apps.append(app)
        return Ticker(app, broker)

    yield make
    for app in apps:
        app.services.close()
        app.close()
    broker.stop()


def test_new_accounts_are_polled_from_the_first_tick_on(make_ticker: Callable[..., Ticker]) -> None:
    ticker = make_ticker("a", "b")

    ticker.tick()

    assert sorted(map(list, ticker.messages(Chore.POLL))) == [["a"], ["b"]]


def test_a_doubled_tick_doubles_nothing(make_ticker: Callable[..., Ticker]) -> None:
    ticker = make_ticker("a", "b")
    ticker.tick()
    ticker.messages(Chore.POLL)

    ticker.tick()

    assert ticker.messages(Chore.POLL) == []


def test_idle_accounts_share_a_message(make_ticker: Callable[..., Ticker]) -> None:
    ticker = make_ticker("a", "b", "c")
    services = ticker.app.services
    for name in ("a", "b"):
        leave_poll(services.ledger, name, at=services.clock(), due_in=0)

    ticker.tick()

    assert sorted(map(sorted, ticker.messages(Chore.POLL))) == [["a", "b"], ["c"]]


def test_accounts_that_are_gone_are_ignored(make_ticker: Callable[..., Ticker]) -> None:
    ticker = make_ticker("a")
    now = ticker.app.services.clock()
    ticker.accounts.schedule({("gone", Chore.POLL): now})

    ticker.tick()

    assert [list(turns) for turns in ticker.messages(Chore.POLL)] == [["a"]]
    later = now + QUICK_LEASE + timedelta(seconds=5)
    due = ticker.accounts.claim([Chore.POLL], now=later, lease=QUICK_LEASE, limit=9)
    assert [turn.account for turn in due] == ["a"]


def test_what_the_broker_did_not_take_is_due_for_the_next_tick(
    make_ticker: Callable[..., Ticker],
) -> None:
    ticker = make_ticker("a")
    ticker.tick()
    ticker.accounts.wake("a", Chore.POLL, ticker.app.services.clock())
    [turn] = ticker.accounts.begin(Chore.POLL, {"a": 0})
    ticker.accounts.release([turn])
    assert ticker.broker.child is not None
    ticker.broker.child.kill()

    ticker.tick()

    due = ticker.accounts.claim(
        [Chore.POLL], now=ticker.app.services.clock(), lease=QUICK_LEASE, limit=9
    )
    assert [turn.account for turn in due] == ["a"]


def test_what_belongs_to_no_account_has_its_turns_too(make_ticker: Callable[..., Ticker]) -> None:
    ticker = make_ticker("a")

    ticker.tick("upkeep.tick")

    assert ticker.messages(Chore.PURGE) == [{"": 0}]
