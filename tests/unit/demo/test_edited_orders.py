"""Orders that somebody edits at VTEX, and an ERP that waits until it was told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from unit.demo.evidence_makers import vtex

from orders_sync.demo.demand import EDITS, EditedOrders
from orders_sync.demo.played_staging import PlayedStaging
from orders_sync.demo.records import VtexOrder
from orders_sync.demo.scenarios import Scenario, draft_commands
from orders_sync.domain.differences import compare
from orders_sync.domain.order import Order
from orders_sync.erp.base import ChangeAnswer
from orders_sync.erp.staging import StagingErp
from orders_sync.testing.factories import make_order

ORDER = make_order("1-01", account="sandbox")


class Shop:
    """An order at VTEX, which a person may edit, and its ERP."""

    def __init__(self, staging: StagingErp, erp: PlayedStaging, *, asks: bool) -> None:
        self.staging = staging
        self.erp = erp
        self.status = "ready-for-handling"
        self.edits: list[str] = []
        self.now = 0.0
        self.edited = EditedOrders(erp, self.see, self.edit, lambda: self.now, asks=asks)
        [order] = erp.new_orders(())
        self.edited.take(order, draft_commands(Scenario.EDITED_IN_ADMIN, order, "7", Random(1)))

    def see(self, order_id: str) -> VtexOrder:
        return vtex(order_id, status=self.status, edits=tuple(self.edits))

    def edit(self, _: str, part: str) -> bool:
        if part in {"address", "carrier"}:
            self.edits.append(part)
            return True
        return False

    def tell(self, revision: int, order: Order, before: Order) -> None:
        self.staging.order_changed(order, compare(before, order, revision=revision))

    def tend(self) -> None:
        self.now += 3
        self.edited.tend()

    @property
    def asked(self) -> list[str]:
        return [asked.kind for asked in self.erp.asked]


@pytest.fixture
def open_shop(tmp_path: Path) -> Iterator[Callable[..., Shop]]:
    url = f"sqlite:///{tmp_path / 'erp.sqlite3'}"
    staging, erp = StagingErp("sandbox", {"url": url}, tmp_path), PlayedStaging(url, "sandbox")
    staging.place_order(ORDER)

    def open_one(*, asks: bool = False) -> Shop:
        return Shop(staging, erp, asks=asks)

    yield open_one
    staging.close()
    erp.close()


def test_an_order_is_edited_once_it_is_in_handling(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop()

    shop.tend()
    before = list(shop.edits)
    shop.status = "handling"
    shop.tend()
    shop.tend()

    assert (before, shop.edits) == ([], ["address", "carrier"])
    assert set(shop.edits) < set(EDITS)
    assert not shop.edited.is_answered


def test_the_erp_goes_on_once_it_was_told_of_every_edit(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop()
    shop.status = "handling"
    shop.tend()
    assert ORDER.address is not None
    moved = replace(ORDER.address, city="Manaus")
    first = replace(
        ORDER, deliveries=tuple(replace(row, address=moved) for row in ORDER.deliveries)
    )
    carried = tuple(replace(row, company="Jet") for row in first.deliveries)
    second = replace(first, deliveries=carried)

    shop.tell(2, first, ORDER)
    shop.tend()
    after_one = list(shop.asked)
    shop.tell(3, second, first)
    shop.tend()

    assert after_one == []
    assert "invoice" in shop.asked
    assert shop.edited.is_answered
    late = shop.staging.order_changed(ORDER, compare(second, ORDER, revision=4))
    assert late is ChangeAnswer.TOO_LATE


def test_an_erp_may_ask_for_a_read_until_it_was_told(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(asks=True)
    shop.status = "handling"

    shop.tend()
    shop.tend()
    shop.tend()

    assert shop.asked == ["sync", "sync"]


def test_nobody_waits_for_an_order_that_was_cancelled(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop()
    shop.status = "canceled"

    shop.tend()

    assert shop.edited.is_answered
    assert shop.edits == []
