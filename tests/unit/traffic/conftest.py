from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from unit.traffic.breaking import POLICY
from unit.traffic.crowd import Crowd
from unit.traffic.virtual_time import VirtualTime

from orders_sync.embedded.broker import EmbeddedBroker
from orders_sync.traffic.breaker import Breaker
from orders_sync.traffic.limiter import RateLimiter
from orders_sync.traffic.shared import Shared, connect
from orders_sync.traffic.traffic import Traffic


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedBroker]:
    broker = EmbeddedBroker(tmp_path_factory.mktemp("broker"))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(scope="module")
def numbers() -> Iterator[int]:
    return count()


@pytest.fixture
def account(numbers: Iterator[int]) -> str:
    """Name an account that no other test uses."""
    return f"store{next(numbers)}"


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime()


@pytest.fixture
def process(broker: EmbeddedBroker, time: VirtualTime) -> Iterator[Callable[..., Shared]]:
    """Connect one more process to the server; its own clock may be wrong by some seconds."""
    opened: list[Shared] = []

    def make(skew: float = 0.0) -> Shared:
        assert broker.url is not None
        client = connect(broker.url)
        shared = Shared(client, clock=lambda: time.clock() + skew, server_micros=time.server)
        opened.append(shared)
        return shared

    yield make
    for shared in opened:
        shared.close()


@pytest.fixture
def traffic(process: Callable[..., Shared], account: str, time: VirtualTime) -> Traffic:
    return Traffic(
        process(),
        {account: 6000},
        processes=2,
        random=random.Random(1),
        clock=time.clock,
        sleep=time.sleep,
    )


@pytest.fixture
def breaker_of(
    process: Callable[..., Shared], account: str, time: VirtualTime
) -> Callable[..., Breaker]:
    """Make the breaker of one more process."""
    numbers = count()

    def make(name: str = "orders") -> Breaker:
        return Breaker(
            process(),
            account,
            name,
            process=f"process{next(numbers)}",
            policy=POLICY,
            random=random.Random(1),
            clock=time.clock,
        )

    return make


@pytest.fixture
def crowd_of(
    process: Callable[..., Shared], account: str, time: VirtualTime
) -> Callable[..., Crowd]:
    """Make a crowd that calls through the limiters of some processes."""

    def make(budget: int, *, processes: int = 2, **options: Any) -> Crowd:
        sleeps: list[float] = []
        limiters = [
            RateLimiter(
                process(),
                {account: budget},
                processes=processes,
                clock=time.clock,
                sleep=sleeps.append,
            )
            for _ in range(processes)
        ]
        return Crowd(account, limiters, time, sleeps, **options)

    return make
