from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from support.office import Office
from support.shop import STORE, Shop

from orders_sync.sandbox import Box
from orders_sync.sandbox.server import serving
from orders_sync.testing.clock import SettableClock


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A shop whose commands may set logging up as they do in a process of their own."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    box = Box(STORE, seed=1)
    with serving(box) as url:
        shop = Shop(tmp_path, box, url)
        yield shop
        shop.ledger.close()
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def office(shop: Shop, clock: SettableClock) -> Office:
    return Office(shop.ledger, clock)
