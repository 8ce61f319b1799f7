from __future__ import annotations

from collections.abc import Callable

import pytest
import requests

from orders_sync.sandbox import Box, SandboxAdapter
from orders_sync.testing.clock import SettableClock

OpenShop = Callable[[Box], requests.Session]


@pytest.fixture
def box(clock: SettableClock) -> Box:
    return Box(seed=1, clock=clock.epoch)


@pytest.fixture
def open_shop() -> OpenShop:
    """Open a session that enters a box, with an app key and token."""

    def open_one(box: Box) -> requests.Session:
        session = requests.Session()
        session.mount("http://", SandboxAdapter(box))
        session.headers.update({"X-VTEX-API-AppKey": "key", "X-VTEX-API-AppToken": "token"})
        return session

    return open_one


@pytest.fixture
def shop(box: Box, open_shop: OpenShop) -> requests.Session:
    return open_shop(box)


@pytest.fixture
def fed(shop: requests.Session) -> requests.Session:
    """A session whose app key has a feed of two statuses, hidden for 30 s once read."""
    config = {
        "filter": {"type": "FromWorkflow", "status": ["ready-for-handling", "canceled"]},
        "queue": {"visibilityTimeoutInSeconds": 30, "MessageRetentionPeriodInSeconds": 345_600},
    }
    shop.post("http://vtex/api/orders/feed/config", json=config)
    return shop
