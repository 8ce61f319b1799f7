from __future__ import annotations

import pytest

from orders_sync.metrics import Metrics


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()
