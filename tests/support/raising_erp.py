"""An ERP with a defect that quotes its customers, in real worker processes."""

from __future__ import annotations

from pathlib import Path

from orders_sync.domain.order import Order
from orders_sync.erp.base import Receipt
from orders_sync.erp.staging import StagingErp
from orders_sync.testing.offering import offer

NAME = "raising"


class RaisingErp(StagingErp):
    """The staging adapter; the first try of each order meets an error that nobody foresaw."""

    def place_order(self, order: Order) -> Receipt:
        mark = self.home / f"raised-{order.order_id}"
        if not mark.exists():
            mark.touch()
            customer = order.customer
            raise KeyError(f"{customer}")
        return super().place_order(order)


def install(folder: Path) -> None:
    """Install the adapter into a folder, as pip does."""
    offer(folder, "raising-erp", **{NAME: "support.raising_erp:RaisingErp"})
