from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from chaos.erp import ErpDatabase
from unit.demo.evidence_makers import erp

from orders_sync.erp.staging import StagingErp
from orders_sync.testing.clock import SettableClock
from orders_sync.testing.factories import make_order


@pytest.fixture
def database(tmp_path: Path) -> ErpDatabase:
    return ErpDatabase(tmp_path / "erp.sqlite3")


def begin_to_write(database: ErpDatabase) -> None:
    with closing(sqlite3.connect(database.path, timeout=0.01)) as connection:
        connection.execute("BEGIN IMMEDIATE")


def test_an_order_comes_when_the_erps_own_clock_says_so(
    database: ErpDatabase, tmp_path: Path, clock: SettableClock
) -> None:
    adapter = StagingErp("sandbox", {}, tmp_path, clock=clock)
    order = make_order()

    before = time.time()
    adapter.place_order(order)
    after = time.time()

    adapter.close()
    [dated] = database.dated([erp(order.order_id, placed_at=clock.epoch())])
    assert before - 0.01 <= dated.placed_at <= after + 0.01


def test_an_erp_that_is_down_takes_nothing_until_it_is_back(database: ErpDatabase) -> None:
    with database.down():
        assert database.is_down
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            begin_to_write(database)

    begin_to_write(database)
    assert not database.is_down
