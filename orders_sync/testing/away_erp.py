"""An ERP that can be taken away from real worker processes, and given back to them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from orders_sync.domain.commands import Command, Page
from orders_sync.domain.differences import Changes
from orders_sync.domain.order import Order
from orders_sync.erp.base import ChangeAnswer, CommandOutcome, Receipt
from orders_sync.erp.staging import StagingErp
from orders_sync.errors import ErpUnavailable
from orders_sync.testing.offering import offer

#: Its name, once it is installed.
NAME: Final = "away"


class AwayErp(StagingErp):
    """The staging adapter, which finds its ERP away while a file in the home folder says so."""

    def place_order(self, order: Order) -> Receipt:
        """Put the order into the ERP."""
        self._require_there()
        return super().place_order(order)

    def order_changed(self, order: Order, what: Changes) -> ChangeAnswer:
        """Write an order that was placed as VTEX has it by this time."""
        self._require_there()
        return super().order_changed(order, what)

    def pull(self, cursor: str | None) -> Page[Command]:
        """Read what the ERP wants VTEX to know."""
        self._require_there()
        return super().pull(cursor)

    def answer_all(self, answers: Sequence[CommandOutcome]) -> None:
        """Record in the ERP how far some of its commands are."""
        self._require_there()
        super().answer_all(answers)

    def _require_there(self) -> None:
        if _switch(self.home).exists():
            with _tally(self.home).open("a") as tally:
                tally.write(".")
            raise ErpUnavailable("the ERP is away")


def install(folder: Path) -> None:
    """Install the adapter into a folder; processes find it with that on their PYTHONPATH."""
    offer(folder, "away-erp", **{NAME: f"{__name__}:{AwayErp.__name__}"})


def take_away(home: Path) -> None:
    """Take the ERP of a home folder away."""
    _switch(home).touch()


def give_back(home: Path) -> None:
    """Bring it back."""
    _switch(home).unlink()


def calls_in_vain(home: Path) -> int:
    """Count the calls that found it away."""
    return _tally(home).stat().st_size if _tally(home).exists() else 0


def _switch(home: Path) -> Path:
    return home / "erp-is-away"


def _tally(home: Path) -> Path:
    return home / "erp-calls-in-vain"
