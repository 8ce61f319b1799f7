from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.flow import STORE, Flow
from support.postgres import PostgresServer

from orders_sync.embedded.broker import EmbeddedBroker
from orders_sync.testing.clock import SettableClock
from orders_sync.traffic.shared import Shared, connect
from orders_sync.traffic.traffic import Traffic
from orders_sync.vtex.resources import RESOURCES


@pytest.fixture
def both_on(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Say where ledger and ERP are; SQLite, unless a file of tests asks for both databases."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return {}
    server: PostgresServer = request.getfixturevalue("postgres")
    ledger, erp = map(request.getfixturevalue, ("postgres_ledger", "postgres_database"))
    return {"ledger_url": server.url(ledger), "erp_options": {"url": server.url(erp)}}


@pytest.fixture
def make_flow(
    tmp_path: Path, clock: SettableClock, both_on: dict[str, Any]
) -> Iterator[Callable[..., Flow]]:
    made: list[Flow] = []

    def make(**changes: Any) -> Flow:
        options = {**both_on.get("erp_options", {}), **changes.pop("erp_options", {})}
        made.append(Flow(tmp_path, clock, **{**both_on, **changes, "erp_options": options}))
        return made[-1]

    yield make
    for flow in made:
        flow.close()


@pytest.fixture
def flow(make_flow: Callable[..., Flow]) -> Flow:
    return make_flow()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    broker = EmbeddedBroker(tmp_path_factory.mktemp("broker"))
    yield broker.start()
    broker.stop()


@pytest.fixture
def traffic_of(broker: str, clock: SettableClock) -> Callable[[str], Traffic]:
    """Make budget, breakers and pause of the store as a process sees them, on the flow's time."""
    connect(broker).flushall()

    def make(process: str) -> Traffic:
        return Traffic(
            Shared(
                connect(broker),
                clock=clock.epoch,
                server_micros=lambda: round(clock.epoch() * 1e6),
            ),
            {STORE: 5400},
            processes=1,
            random=random.Random(1),
            process=process,
            resources=RESOURCES,
            clock=clock.epoch,
            sleep=clock.advance,
        )

    return make


@pytest.fixture
def traffic(traffic_of: Callable[[str], Traffic]) -> Traffic:
    return traffic_of("worker")


@pytest.fixture
def guarded_flow(make_flow: Callable[..., Flow], traffic: Traffic) -> Flow:
    """A flow whose calls have to pass budget, breakers and pause."""
    return make_flow(traffic=traffic)
