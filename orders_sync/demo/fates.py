"""What becomes of the orders of a demo once the ERP has them."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from random import Random


class Fate(StrEnum):
    """What is asked for an order; all but cancelled ones are invoiced, tracked and delivered."""

    INVOICED = "invoiced"  # The ERP leaves the value to us.
    INVOICED_AS_TOLD = "invoiced as told"  # The ERP gives value and items.
    INVOICED_IN_PARTS = "invoiced in parts"
    TRACKED_ALONG = "tracked along"  # The invoice brings the tracking number.
    CHANGED = "changed"  # Before it is invoiced.
    CANCELLED = "cancelled"  # In place of an invoice.
    RETURNED = "returned"  # After it was invoiced.
    INVOICED_TOO_MUCH = "invoiced too much"  # A second invoice has to be refused.
    CANCELLED_TOO_LATE = "cancelled too late"  # It is invoiced, so that has to be refused.
    BESIDE_RUBBISH = "beside rubbish"  # One of its commands is no JSON.
    BESIDE_UNKNOWN_KIND = "beside unknown kind"  # One of its commands is of no kind.
    BY_SERVICE = "by service"  # Another service invoices and tracks it.
    NOTED_BY_SERVICE = "noted by service"  # That one writes into its timeline too.
    CANCELLED_BY_SERVICE = "cancelled by service"


#: Those that the ERP leaves to the other service.
OF_SERVICE = frozenset({Fate.BY_SERVICE, Fate.NOTED_BY_SERVICE, Fate.CANCELLED_BY_SERVICE})

#: How many of forty orders have each fate; of the others there is one each.
_ROUND = {
    Fate.INVOICED: 7,
    Fate.INVOICED_AS_TOLD: 8,
    Fate.INVOICED_IN_PARTS: 6,
    Fate.TRACKED_ALONG: 6,
    Fate.BY_SERVICE: 4,
}


def deal(random: Random) -> Iterator[Fate]:
    """Deal fates without end, a shuffled round after the other."""
    while True:
        dealt = [fate for fate in Fate for _ in range(_ROUND.get(fate, 1))]
        random.shuffle(dealt)
        yield from dealt
