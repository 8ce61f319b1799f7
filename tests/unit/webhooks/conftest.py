from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from support.event_receiver import Receiver, receiving
from support.mailroom import Mailroom
from support.postgres import PostgresServer

from orders_sync.ledger import Ledger
from orders_sync.ledger.migrate import upgrade
from orders_sync.testing.clock import SettableClock


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def ledger(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite3'}"
    if database == "sqlite":
        upgrade(url)
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        url = server.url(request.getfixturevalue("postgres_ledger"))
    ledger = Ledger(url, lease=timedelta(seconds=60))
    yield ledger
    ledger.close()


@pytest.fixture
def mailroom(ledger: Ledger, clock: SettableClock) -> Mailroom:
    return Mailroom(ledger, clock)


@pytest.fixture
def receive() -> Iterator[Callable[[], Receiver]]:
    with ExitStack() as stack:
        yield lambda: stack.enter_context(receiving())


@pytest.fixture
def receiver(receive: Callable[[], Receiver]) -> Receiver:
    return receive()
