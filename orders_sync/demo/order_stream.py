"""Which orders a demo pours in, and when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

from orders_sync.demo.records import PLAIN

#: Troubles with which nobody fulfils an order.
HOPELESS = ("canceled-early", "replaced", "vanished", "incomplete", "malformed")

#: What the sandbox can make odd about an order; a demo has one of each in fifty orders.
TROUBLES = (
    *HOPELESS,
    "handled-in-admin",
    "two-domains",
    "null-state",
    "unknown-state",
    "poison-event",
)

#: Troubles that end an order by itself.
_ENDED_BY_VTEX = ("canceled-early", "replaced")

_ORDERS_A_ROUND = 50
_BATCH = 10
_BATCH_EVERY_SECONDS = 0.25


def mix(orders: int, random: Random) -> list[str]:
    """Draw the orders' troubles in the order they come; most are plain."""
    per_trouble = orders // _ORDERS_A_ROUND
    troubles = [trouble for trouble in TROUBLES for _ in range(per_trouble)]
    mixed = troubles + [PLAIN] * (orders - len(troubles))
    random.shuffle(mixed)
    return mixed


class OrderStream:
    """Makes the orders of a mix, a `batch` every few seconds; call `tend` often.

    `create` is given a trouble and a number of orders. `poured` counts those that were made,
    `ended` those of them that VTEX ended at once, and `to_take_over` those of all that will be
    fulfilled.
    """

    def __init__(
        self,
        troubles: list[str],
        create: Callable[[str, int], object],
        clock: Callable[[], float],
        *,
        batch: int = _BATCH,
        every_seconds: float = _BATCH_EVERY_SECONDS,
    ) -> None:
        self._batches = [troubles[i : i + batch] for i in range(0, len(troubles), batch)]
        self._every_seconds = every_seconds
        self._create = create
        self._clock = clock
        self._next_at = clock()
        self.poured = 0
        self.ended = 0
        self.to_take_over = sum(trouble not in HOPELESS for trouble in troubles)

    @property
    def is_done(self) -> bool:
        """Whether all were made."""
        return not self._batches

    def tend(self) -> None:
        """Make the next batch, if it is due."""
        if self.is_done or self._clock() < self._next_at:
            return
        self._next_at += self._every_seconds
        batch = Counter(self._batches.pop(0))
        for trouble, count in batch.items():
            self._create(trouble, count)
        self.poured += sum(batch.values())
        self.ended += sum(batch[trouble] for trouble in _ENDED_BY_VTEX)
