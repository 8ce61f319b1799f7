from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from support.gateway import Gateway, serving_gateway
from support.ledger_files import make_ledger
from support.office import Office

from orders_sync.ledger import Ledger
from orders_sync.testing.clock import SettableClock


@pytest.fixture
def office(tmp_path: Path, clock: SettableClock) -> Iterator[Office]:
    url = make_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    ledger = Ledger(url, lease=timedelta(seconds=60))
    yield Office(ledger, clock)
    ledger.close()


@pytest.fixture
def gateway(office: Office) -> Iterator[Gateway]:
    with serving_gateway(office) as gateway:
        yield gateway
