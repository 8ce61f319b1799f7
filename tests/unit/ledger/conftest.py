from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from support.office import Office

from orders_sync.ledger import Ledger
from orders_sync.ledger.migrate import upgrade
from orders_sync.testing.clock import SettableClock

LEASE = timedelta(seconds=60)


@pytest.fixture
def ledger_url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite3'}"
    upgrade(url)
    return url


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    ledger = Ledger(ledger_url, lease=LEASE)
    yield ledger
    ledger.close()


@pytest.fixture
def office(ledger: Ledger, clock: SettableClock) -> Office:
    return Office(ledger, clock)
