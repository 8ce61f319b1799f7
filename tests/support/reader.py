"""Follows docs/triggering.md: runs its examples with real orders and a real broker."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

from support.plant import Plant

from orders_sync.sandbox.views import OrderView

PAGE = (Path(__file__).parents[2] / "docs" / "triggering.md").read_text()
_BROKER_URL = "redis://localhost:6379/0"


class Reader:
    """Follows the page: runs its blocks with real orders in place of the page's."""

    def __init__(self, plant: Plant) -> None:
        self.plant = plant
        self._orders: dict[str, str] = {}

    def order(self, on_page: str) -> OrderView:
        return self.plant.box.order(self.order_id(on_page))

    def order_id(self, on_page: str) -> str:
        """The order that stands for one of the page; it is in handling unless it was made here."""
        if on_page not in self._orders:
            self._orders[on_page] = self._make(handling=True)
        return self._orders[on_page]

    def has_new(self, on_page: str) -> None:
        self._orders[on_page] = self._make(handling=False)

    def _make(self, *, handling: bool) -> str:
        """Make an order whose id stands in a shell as it is; some marketplaces' ids do not."""
        while True:
            [order_id] = self.plant.box.create_orders(1, handling=handling)
            if re.fullmatch(r"[\w-]+", order_id):
                return order_id

    def blocks(self, section: str, language: str) -> list[str]:
        text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
        found = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
        assert found, f"the page has no {language} under {section}"
        return [self._made_real(block) for block in found]

    def runs(self, section: str, language: str) -> str:
        program = {"python": [sys.executable, "-c"], "sh": ["sh", "-euc"]}[language]
        return "".join(self._run([*program, block]) for block in self.blocks(section, language))

    def succeeds(self, script: str) -> bool:
        return self._ends(["sh", "-euc", script]).returncode == 0

    def _made_real(self, block: str) -> str:
        block = re.sub(r"\d{13}-\d\d", lambda found: self.order_id(found[0]), block)
        ours = f"{shlex.quote(sys.executable)} -m orders_sync "
        return block.replace(_BROKER_URL, self.plant.broker_url).replace("orders-sync ", ours)

    def _run(self, argv: list[str]) -> str:
        process = self._ends(argv)
        assert process.returncode == 0, process.stderr
        return process.stdout

    def _ends(self, argv: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            argv,
            check=False,
            env=self.plant.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
