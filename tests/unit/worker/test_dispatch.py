from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from orders_sync.domain.steps import Dispatch, Step
from orders_sync.embedded.broker import EmbeddedBroker
from orders_sync.ledger.migrate import upgrade
from orders_sync.ledger.windows import DISPATCHED_FOR
from orders_sync.settings import AccountSettings, Settings
from orders_sync.worker.app import OrdersSyncApp, create_app

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
    upgrade(settings.ledger)
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


@pytest.mark.parametrize("many", [False, True], ids=["one", "many"])
def test_what_a_dying_broker_did_not_take_is_due_within_seconds(
    app: OrdersSyncApp, broker: EmbeddedBroker, many: bool
) -> None:
    following = hear_of_order(app)
    app.dispatch_all([following])
    assert broker.child is not None
    broker.child.kill()

    app.dispatch_all([following]) if many else app.dispatch(following)

    assert due(app, after=DISPATCHED_FOR) == [following]


def test_what_the_broker_took_is_not_due_while_a_worker_may_still_take_it(
    app: OrdersSyncApp,
) -> None:
    following = hear_of_order(app)

    app.dispatch_all([following])

    assert due(app, after=DISPATCHED_FOR / 2) == []
