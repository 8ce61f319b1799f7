"""A staging ERP, and its database as the ERP's people see it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from orders_sync.erp.staging import StagingErp
from orders_sync.testing.clock import SettableClock


@pytest.fixture
def staging(tmp_path: Path, clock: SettableClock) -> Iterator[StagingErp]:
    """Give the adapter, with its tables created."""
    with closing(StagingErp("mystore", {}, tmp_path, clock=clock)) as erp:
        erp.check()
        yield erp


@pytest.fixture
def sql(staging: StagingErp, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Give a connection to the tables that commits each statement."""
    del staging
    with closing(sqlite3.connect(tmp_path / "erp.sqlite3", isolation_level=None)) as connection:
        yield connection
