"""When a demo, or a run of chaos, is over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from unit.demo.evidence_makers import vtex

from orders_sync.demo.demand import Demand
from orders_sync.demo.ending import all_placed
from orders_sync.erp.staging import StagingErp
from orders_sync.testing.factories import make_order


@pytest.fixture
def staging(tmp_path: Path) -> Iterator[StagingErp]:
    staging = StagingErp("sandbox", {}, tmp_path)
    yield staging
    staging.close()


def test_an_order_to_fulfil_that_the_erp_lacks_is_not_placed() -> None:
    orders = [vtex("1-01", status="handling"), vtex("2-01", status="canceled")]

    assert not all_placed(orders, set())
    assert all_placed(orders, {"1-01"})


def test_a_demand_is_not_met_while_a_new_order_waits_to_be_taken(
    staging: StagingErp, tmp_path: Path
) -> None:
    staging.place_order(make_order(account="sandbox", order_id="1-01"))
    erp_url = f"sqlite:///{tmp_path / 'erp.sqlite3'}"
    demand = Demand(erp_url, tmp_path, vtex, Random(1), lambda: 0.0)

    is_met = demand.is_met
    demand.close()

    assert not is_met
