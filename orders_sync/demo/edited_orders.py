"""Orders that a person changes in VTEX's Admin, once the ERP has them and goes on to hear of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, runtime_checkable

from orders_sync.demo.records import ErpOrder, VtexOrder
from orders_sync.demo.wishes import Wish
from orders_sync.domain.rules import CANCELLED, IN_HANDLING

#: What is edited, where the order has it: a piece less, another street, another carrier, and the
#: acquirer's code. A change of the items is made a while later.
EDITS: Final = ("items", "address", "carrier", "authorization")

_ASK_EVERY_SECONDS: Final = 2.0


@runtime_checkable
class ToldErp(Protocol):
    """An ERP that is told of changes of the orders that it has taken."""

    def take(self, order: ErpOrder, wishes: Sequence[Wish], *, takes_changes: bool = False) -> bool:
        """Take an order, and ask for what is wanted; False if it was cancelled meanwhile.

        One that `takes_changes` may be changed afterwards.
        """

    def changes(self, order_id: str) -> tuple[tuple[int, str], ...]:
        """Read what it was told that changed of an order, by revision."""

    def close_order(self, order_id: str, wishes: Sequence[Wish]) -> bool:
        """Take no more changes of an order, and ask for what is wanted; False: not yet."""

    def ask_to_read(self, order_id: str) -> None:
        """Have an order read again from VTEX."""


@dataclass(slots=True)
class _Edited:
    """An order that waits to be edited, or for its ERP to be told of the edits that were made."""

    wishes: Sequence[Wish]
    edits: list[str] = field(default_factory=list)
    look_at: float = 0.0


class EditedOrders:
    """Edits orders, and has their ERP ask for what it wants once it was told.

    `see` reads an order at VTEX, and `edit` changes a part of it there; False where it has no such
    part. VTEX tells nobody of it: where the ERP `asks`, it has the order read again until it is
    told; else that is left to reconciling.
    """

    def __init__(
        self,
        erp: ToldErp,
        see: Callable[[str], VtexOrder],
        edit: Callable[[str, str], bool],
        clock: Callable[[], float],
        *,
        asks: bool,
    ) -> None:
        self._erp = erp
        self._see = see
        self._edit = edit
        self._clock = clock
        self._asks = asks
        self._open: dict[str, _Edited] = {}

    @property
    def is_content(self) -> bool:
        """Whether the ERP was told of every edit."""
        return not self._open

    def take(self, order: ErpOrder, wishes: Sequence[Wish]) -> None:
        """Have the ERP take an order that may still change."""
        if self._erp.take(order, (), takes_changes=True):
            self._open[order.order_id] = _Edited(wishes)

    def tend(self) -> None:
        """Edit what is in handling, and go on with what the ERP was told of."""
        for order_id, edited in list(self._open.items()):
            if self._clock() < edited.look_at:
                continue
            edited.look_at = self._clock() + _ASK_EVERY_SECONDS
            order = self._see(order_id)
            if order.status in CANCELLED:
                del self._open[order_id]
            elif not edited.edits:
                if order.status in IN_HANDLING:
                    edited.edits = [part for part in EDITS if self._edit(order_id, part)]
            elif self._is_told(order) and self._erp.close_order(order_id, edited.wishes):
                del self._open[order_id]
            elif self._asks:
                self._erp.ask_to_read(order_id)

    def _is_told(self, order: VtexOrder) -> bool:
        told = {what for _, what in self._erp.changes(order.order_id)}
        return order.edits_are_made and all(words & told for words in order.edited_parts())
