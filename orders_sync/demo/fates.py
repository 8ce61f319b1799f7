"""What becomes of the orders of a demo once the ERP has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from random import Random
from types import MappingProxyType


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
    INVOICED_THEN_REST = "invoiced, then the rest"  # The second invoice takes what is left.
    TRACKING_CORRECTED = "tracking corrected"  # A second tracking number follows the first at once.
    CHANGED_TOO_LATE = "changed too late"  # Right behind an invoice of everything.
    INVOICED_OR_CANCELLED = "invoiced or cancelled"  # A cancellation right behind an invoice.
    CANCELLED_NOT_INVOICED = "cancelled, not invoiced"  # An invoice right behind a cancellation.
    EDITED_IN_ADMIN = "edited in the Admin"  # A person changes it, and the ERP is told of that.
    ASKED_MUCH = "asked much"  # A dozen commands at once.


#: Those that the ERP leaves to the other service.
OF_SERVICE = frozenset({Fate.BY_SERVICE, Fate.NOTED_BY_SERVICE, Fate.CANCELLED_BY_SERVICE})

#: How many of forty orders have each fate; of the others there is one each, but for the conflicts.
_ROUND = {
    Fate.INVOICED: 7,
    Fate.INVOICED_AS_TOLD: 7,
    Fate.INVOICED_IN_PARTS: 6,
    Fate.TRACKED_ALONG: 6,
    Fate.BY_SERVICE: 4,
    Fate.ASKED_MUCH: 0,
}

#: Commands of one order that are in each other's way, written at once and in this order.
CONFLICTS = (
    Fate.INVOICED_THEN_REST,
    Fate.TRACKING_CORRECTED,
    Fate.CHANGED_TOO_LATE,
    Fate.INVOICED_OR_CANCELLED,
    Fate.CANCELLED_NOT_INVOICED,
)

DEMO_ROUND: Mapping[Fate, int] = MappingProxyType(
    {fate: 0 if fate in CONFLICTS else _ROUND.get(fate, 1) for fate in Fate}
)


def deal(random: Random, shares: Mapping[Fate, int] = DEMO_ROUND) -> Iterator[Fate]:
    """Deal fates without end, a shuffled round of their `shares` after the other."""
    while True:
        dealt = [fate for fate, share in shares.items() for _ in range(share)]
        random.shuffle(dealt)
        yield from dealt
