from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from support.ledger_files import make_ledger
from support.waiting import until

from orders_sync.bootstrap import Services
from orders_sync.broker.client import QueueLengths
from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import Claim, Dispatch, Queue, Step, StepResult
from orders_sync.embedded.broker import EmbeddedBroker
from orders_sync.ledger.tables import orders
from orders_sync.ledger.wakeups import DISPATCHED_FOR
from orders_sync.settings import Settings
from orders_sync.settings_parts import AccountSettings
from orders_sync.worker.app import OrdersSyncApp
from orders_sync.worker.startup import create_app
from orders_sync.worker.step_task import StepTask

STORE, ORDER = "mystore", "1172452900788-01"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    broker = EmbeddedBroker(tmp_path)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def app(tmp_path: Path, broker: EmbeddedBroker) -> Iterator[OrdersSyncApp]:
    account = AccountSettings(app_key="k", app_token="t")
    settings = Settings(accounts={STORE: account}, home=tmp_path, broker_url=broker.url)
    make_ledger(settings.ledger)
    app = create_app(settings, include=())
    yield app
    app.services.close()
    app.close()


def hear_of_order(app: OrdersSyncApp) -> Dispatch:
    [following] = app.services.ledger.orders.look_again(STORE, ORDER, now=app.services.clock())
    return following


def due(app: OrdersSyncApp, *, after: timedelta) -> list[Dispatch]:
    now = app.services.clock() + after
    return app.services.ledger.due_work.take(STORE, Step.FETCH, limit=10, now=now)


def test_what_a_dying_broker_did_not_take_is_due_within_seconds(
    app: OrdersSyncApp, broker: EmbeddedBroker
) -> None:
    following = hear_of_order(app)
    app.dispatch_all([following])
    assert broker.child is not None
    broker.child.kill()

    app.dispatch_all([following])

    assert due(app, after=DISPATCHED_FOR) == [following]


def test_a_broker_that_is_back_takes_the_next_step_at_once(
    app: OrdersSyncApp, broker: EmbeddedBroker
) -> None:
    following = hear_of_order(app)
    app.dispatch_all([following])
    assert broker.child is not None
    broker.child.kill()
    broker.child.start()
    lengths = QueueLengths(app, [Queue.ORDERS])
    until(lambda: lengths()[Queue.ORDERS] <= 1, "the broker answers")
    before = lengths()[Queue.ORDERS]

    app.dispatch_all([following])

    assert lengths()[Queue.ORDERS] == before + 1


def test_what_the_broker_took_is_not_due_while_a_worker_may_still_take_it(
    app: OrdersSyncApp,
) -> None:
    following = hear_of_order(app)

    app.dispatch_all([following])

    assert due(app, after=DISPATCHED_FOR / 2) == []


@pytest.mark.parametrize(
    ("enabled", "groups", "is_watched"),
    [
        pytest.param(True, {"worker"}, False, id="only that the worker lives"),
        pytest.param(True, {"worker", "task"}, True, id="as Flower switches them on"),
        pytest.param(True, set(), True, id="all of them, by -E"),
        pytest.param(False, set(), False, id="none"),
    ],
)
def test_a_worker_is_watched_where_it_tells_of_its_tasks(
    app: OrdersSyncApp, enabled: bool, groups: set[str], is_watched: bool
) -> None:
    before = app.is_watched

    app.consumer = SimpleNamespace(event_dispatcher=SimpleNamespace(enabled=enabled, groups=groups))

    assert (before, app.is_watched) == (False, is_watched)


class ReadTask(StepTask):
    """A task that notes what it reads; it is registered nowhere."""

    name = Step.FETCH.value

    def __init__(self) -> None:
        self.read: list[str] = []

    def read_order(self) -> None:
        def note(claim: Claim, _: Services) -> StepResult:
            self.read.append(claim.order_id)
            return StepResult(Standing.DONE)

        self.push_request(id="a message")
        self.run_step(STORE, ORDER, {Step.FETCH: note})


@pytest.fixture
def task(app: OrdersSyncApp, monkeypatch: pytest.MonkeyPatch) -> ReadTask:
    """Have two orders wait to be read, the first one dispatched, and one thread for them."""
    windows = app.services.ledger.windows
    windows.account = windows.threads = 1
    monkeypatch.setattr(OrdersSyncApp, "serves", lambda *_: True)
    for order_id in (ORDER, "later-01"):
        app.services.ledger.orders.look_again(STORE, order_id, now=app.services.clock())
    ReadTask.bind(app)
    return ReadTask()


@pytest.mark.parametrize(
    ("waited", "is_watched", "read"),
    [
        pytest.param(1.0, False, 2, id="a backlog"),
        pytest.param(0.0, False, 1, id="no backlog"),
        pytest.param(1.0, True, 1, id="a backlog that is watched"),
    ],
)
def test_a_task_goes_on_with_a_backlog_that_nobody_watches(
    app: OrdersSyncApp,
    task: ReadTask,
    monkeypatch: pytest.MonkeyPatch,
    waited: float,
    is_watched: bool,
    read: int,
) -> None:
    monkeypatch.setattr(OrdersSyncApp, "is_watched", is_watched)
    with app.services.ledger.database.writing() as connection:
        due_at = app.services.clock() - timedelta(seconds=waited)
        connection.execute(sa.update(orders).values(due_at=due_at))

    task.read_order()

    assert task.read == [ORDER, "later-01"][:read]
