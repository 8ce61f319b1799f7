from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis

from orders_sync.embedded.broker import EmbeddedBroker


@pytest.fixture(scope="session")
def broker_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    broker = EmbeddedBroker(tmp_path_factory.mktemp("broker"))
    try:
        yield broker.start()
    finally:
        broker.stop()


@pytest.fixture
def redis(broker_url: str) -> Iterator[Any]:
    with Redis.from_url(broker_url) as redis:
        redis.flushall()
        yield redis
