from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.flow import Flow
from support.postgres import PostgresServer

from orders_sync.testing.clock import SettableClock


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
