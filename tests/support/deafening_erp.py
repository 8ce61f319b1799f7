"""An ERP that makes the first worker which calls it deaf, in real worker processes."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from celery.signals import worker_ready

from orders_sync.domain.order import Order
from orders_sync.erp.base import Receipt
from orders_sync.erp.staging import StagingErp
from orders_sync.testing.offering import offer

NAME = "deafening"


class DeafeningErp(StagingErp):
    """The staging adapter; at the first order of all, the consuming loop of its worker hangs.

    The tasks that run, the worker's threads and its connections go on.
    """

    def __init__(self, account: str, options: Mapping[str, Any], home: Path) -> None:
        super().__init__(account, options, home)
        self._consumer: Any = None
        worker_ready.connect(self._keep)

    def place_order(self, order: Order) -> Receipt:
        if not deafened(self.home).exists():
            deafened(self.home).touch()
            self._consumer.hub.call_soon(threading.Event().wait)
        return super().place_order(order)

    def _keep(self, sender: Any, **_: Any) -> None:
        self._consumer = sender


def install(folder: Path) -> None:
    """Install the adapter into a folder, as pip does."""
    offer(folder, "deafening-erp", **{NAME: "support.deafening_erp:DeafeningErp"})


def deafened(home: Path) -> Path:
    """Return the file that tells that a worker was made deaf."""
    return home / "deafened"
