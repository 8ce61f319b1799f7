from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import RedisError
from support.waiting import until

from orders_sync.embedded.broker import EmbeddedBroker
from orders_sync.ledger import Ledger
from orders_sync.ledger.migrate import upgrade
from orders_sync.testing.clock import SettableClock
from orders_sync.upkeep.recover_lost import recover_lost

STORE, ORDER = "mystore", "1172452900788-01"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    broker = EmbeddedBroker(tmp_path)
    yield broker
    broker.stop()


@pytest.fixture
def redis(broker: EmbeddedBroker) -> Iterator[Any]:
    with Redis.from_url(broker.start()) as redis:
        yield redis


@pytest.fixture
def ledger(tmp_path: Path, clock: SettableClock) -> Iterator[Ledger]:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite3'}"
    upgrade(url)
    ledger = Ledger(url, lease=timedelta(seconds=60))
    ledger.orders.look_again(STORE, ORDER, now=clock())
    yield ledger
    ledger.close()


def due(ledger: Ledger, clock: SettableClock) -> int:
    return len(ledger.orders.take_due(now=clock(), grace=timedelta(0), limit=10))


def test_while_the_broker_keeps_its_messages_nothing_is_put_back(
    redis: Any, ledger: Ledger, clock: SettableClock
) -> None:
    recover_lost(broker=redis, ledger=ledger, clock=clock)
    due(ledger, clock)

    assert recover_lost(broker=redis, ledger=ledger, clock=clock) == 0
    assert due(ledger, clock) == 0


def test_what_an_emptied_broker_held_is_due_at_the_next_sweep(
    redis: Any, ledger: Ledger, clock: SettableClock
) -> None:
    recover_lost(broker=redis, ledger=ledger, clock=clock)
    due(ledger, clock)
    redis.flushall()

    assert recover_lost(broker=redis, ledger=ledger, clock=clock) == 1
    assert due(ledger, clock) == 1


def test_a_broker_that_was_killed_may_lack_its_latest_messages_so_all_are_due(
    broker: EmbeddedBroker, redis: Any, ledger: Ledger, clock: SettableClock
) -> None:
    recover_lost(broker=redis, ledger=ledger, clock=clock)
    due(ledger, clock)
    assert broker.child is not None
    broker.child.kill()
    broker.child.start()
    until(lambda: answers(redis), "the broker is back")

    assert recover_lost(broker=redis, ledger=ledger, clock=clock) == 1
    assert due(ledger, clock) == 1


def answers(redis: Any) -> bool:
    try:
        return bool(redis.ping())
    except RedisError:
        return False
