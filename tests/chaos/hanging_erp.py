"""An ERP that takes its time for each order, for as long as a file in the home folder says so."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from orders_sync.domain.differences import Changes
from orders_sync.domain.order import Order
from orders_sync.embedded.home import write_privately
from orders_sync.erp.base import ChangeAnswer, Receipt
from orders_sync.erp.staging import StagingErp
from orders_sync.testing.offering import offer

#: Its name, once it is installed.
NAME: Final = "hanging"


class HangingErp(StagingErp):
    """The staging adapter; a call that hangs goes through in the end, whoever waits for it."""

    def place_order(self, order: Order) -> Receipt:
        """Put the order into the ERP, after a while."""
        time.sleep(delay(self.home, self.account))
        return super().place_order(order)

    def order_changed(self, order: Order, what: Changes) -> ChangeAnswer:
        """Write an order that was placed as VTEX has it by this time, after a while."""
        time.sleep(delay(self.home, self.account))
        return super().order_changed(order, what)


def install(folder: Path) -> None:
    """Install the adapter into a folder; processes find it with that on their PYTHONPATH."""
    folder.mkdir()
    offer(folder, "hanging-erp", **{NAME: f"{__name__}:{HangingErp.__name__}"})


def set_delay(home: Path, account: str, seconds: float) -> None:
    """Set how long each order takes that is placed from now on."""
    write_privately(_file(home, account), str(seconds))


def delay(home: Path, account: str) -> float:
    """Return how many seconds an order takes to be placed."""
    file = _file(home, account)
    return float(file.read_text()) if file.exists() else 0.0


def _file(home: Path, account: str) -> Path:
    return home / f"erp-delay-{account}"
