"""An ERP that tests switch off and on, in real worker processes."""

from __future__ import annotations

from pathlib import Path

from orders_sync.domain.commands import Command, Outcome, Page
from orders_sync.domain.order import Order
from orders_sync.erp.base import Receipt
from orders_sync.erp.staging import StagingErp
from orders_sync.errors import ErpUnavailable

NAME = "flaky"
_METADATA = "Metadata-Version: 2.1\nName: flaky-erp\nVersion: 1\n"
_ENTRY_POINTS = f"[orders_sync.erp]\n{NAME} = support.flaky_erp:FlakyErp\n"


class FlakyErp(StagingErp):
    """The staging adapter, away while there is a file that says so."""

    def place_order(self, order: Order) -> Receipt:
        self._require_there()
        return super().place_order(order)

    def pull(self, cursor: str | None) -> Page[Command]:
        self._require_there()
        return super().pull(cursor)

    def answer(self, command: Command, outcome: Outcome) -> None:
        self._require_there()
        super().answer(command, outcome)

    def _require_there(self) -> None:
        if _switch(self.home).exists():
            with _log(self.home).open("a") as log:
                log.write(".")
            raise ErpUnavailable("the ERP is switched off")


def install(folder: Path) -> None:
    """Install the adapter into a folder, as pip does."""
    metadata = folder / "flaky_erp-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(_METADATA)
    (metadata / "entry_points.txt").write_text(_ENTRY_POINTS)


def switch_off(home: Path) -> None:
    """Let the ERP of a home folder be away."""
    _switch(home).touch()


def switch_on(home: Path) -> None:
    """Let it be there again."""
    _switch(home).unlink()


def failed_calls(home: Path) -> int:
    """Count the calls that found it away."""
    return len(_log(home).read_text()) if _log(home).exists() else 0


def _switch(home: Path) -> Path:
    return home / "erp-is-away"


def _log(home: Path) -> Path:
    return home / "erp-calls"
