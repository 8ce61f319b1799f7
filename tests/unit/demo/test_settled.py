"""When a demo, or a run of chaos, is over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from unit.demo.evidence_makers import erp, vtex

from orders_sync.demo.demand import Demand
from orders_sync.demo.played_staging import PlayedStaging
from orders_sync.demo.records import AskedCommand
from orders_sync.demo.settled import all_in_effect, erp_agrees
from orders_sync.erp.staging import StagingErp
from orders_sync.testing.factories import make_order


@pytest.fixture
def staging(tmp_path: Path) -> Iterator[StagingErp]:
    staging = StagingErp("sandbox", {}, tmp_path)
    yield staging
    staging.close()


def test_an_erp_that_lacks_an_order_to_fulfil_does_not_agree() -> None:
    orders = [vtex("1-01", status="handling"), vtex("2-01", status="canceled")]

    assert not erp_agrees(orders, [], [])
    assert erp_agrees(orders, [erp("1-01")], [])


def test_an_erp_that_would_ship_what_vtex_cancelled_does_not_agree() -> None:
    orders = [vtex("1-01", status="canceled")]
    asked_by_erp = AskedCommand("1-01", "cancel", row=1)
    asked_by_service = AskedCommand("1-01", "cancel")

    assert not erp_agrees(orders, [erp("1-01")], [asked_by_service])
    assert erp_agrees(orders, [erp("1-01", state="cancelled")], [asked_by_service])
    assert erp_agrees(orders, [erp("1-01")], [asked_by_erp])


def test_an_order_that_came_since_all_was_seen_to_be_done_is_still_to_be_asked_for(
    staging: StagingErp, tmp_path: Path
) -> None:
    staging.pull(None)
    orders = [vtex("1-01", status="handling")]
    erp_url = f"sqlite:///{tmp_path / 'erp.sqlite3'}"
    erp = PlayedStaging(erp_url, "sandbox")
    demand = Demand(erp, tmp_path, vtex, lambda *_: False, Random(1), lambda: 0.0)

    def is_met() -> bool:
        return demand.is_met and all_in_effect(demand.wanted, orders)

    met_before = is_met()
    staging.place_order(make_order(account="sandbox", order_id="1-01"))
    met_after = is_met()
    demand.close()

    assert met_before
    assert not met_after
