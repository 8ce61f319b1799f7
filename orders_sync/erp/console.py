"""An ERP that prints: to see orders come in before a real ERP is connected."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, ClassVar, TextIO

from orders_sync.erp.base import CancelAnswer, ErpBase, Receipt

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from orders_sync.domain.commands import Command, Outcome
    from orders_sync.domain.order import Order


class ConsoleErp(ErpBase):
    """Prints a line for each call, with ids and amounts and nothing personal.

    It remembers nothing: an order that is placed twice is printed twice, under one reference, and
    every cancellation is agreed to, also that of an order that comes later, because nobody fulfils
    what was only printed.
    """

    asks_mapping: ClassVar[bool] = False

    def __init__(
        self,
        account: str,
        options: Mapping[str, Any],
        home: Path,
        *,
        stream: TextIO | None = None,
    ) -> None:
        super().__init__(account, options, home)
        self._stream = stream or sys.stdout

    def place_order(self, order: Order) -> Receipt:
        """Print the order's ids and amounts; the reference is made of its id."""
        receipt = Receipt(f"console-{order.order_id}")
        self._print(
            f"{self.account} {order.order_id} placed: lines={len(order.lines)} "
            f"value_cents={order.value_cents} currency={order.currency or '-'} "
            f"reference={receipt.reference}"
        )
        return receipt

    def cancel_order(self, order_id: str, reason: str) -> CancelAnswer:  # noqa: ARG002 -- a reason may name people
        """Print the order's id."""
        self._print(f"{self.account} {order_id} cancelled")
        return CancelAnswer.CANCELLED

    def answer(self, command: Command, outcome: Outcome) -> None:
        """Print which command it is and how far, without reasons: these may name people."""
        self._print(
            f"{self.account} {command.order_id} {command.kind} {outcome.kind}: "
            f"key={command.key or '-'} receipt={outcome.receipt or '-'}"
        )

    def _print(self, line: str) -> None:
        # One write a line, so that threads do not print into each other's lines.
        self._stream.write(f"{line}\n")
        self._stream.flush()
