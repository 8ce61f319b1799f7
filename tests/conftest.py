"""What every kind of test may ask for."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

from orders_sync.testing.clock import SettableClock

# How long an example takes is the machine's affair.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

pytest_plugins = [
    "support.mariadb",
    "support.postgres",
    "support.pgbouncer",
    "support.erp_databases",
]


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests out of them."""
    for name in os.environ:  # noqa: TID251 - tests guard the environment that settings.py reads.
        if name.upper().startswith("ORDERS_SYNC_"):
            monkeypatch.delenv(name)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()
