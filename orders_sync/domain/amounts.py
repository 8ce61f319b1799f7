"""The amounts of an order's lines as the shopper has them now, and whether they add up. Pure.

VTEX's documents say the same amount in several places, and not all of them are right in every
order. So each amount has *readings* (`line_prices.py`), and the order's own sums decide: the first
reading that adds up to `value` is taken, else the first that adds up to the totals, else the usual
one.

A change may be counted into `items[]` already, in part, or not at all; `order_changes.py` counts
it in, and only where the document shows that `items[]` was left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import combinations
from typing import Final

from orders_sync.domain.fulfilment import AppliedChange
from orders_sync.domain.line_prices import Service, SoldItem, readings
from orders_sync.domain.order_changes import (
    AS_WRITTEN,
    VARIANTS,
    WHOLE,
    LineAmounts,
    Variant,
    brings_missing_sku,
    has_items,
)

#: Totals that have a place of their own in the reckoning, in lower case.
_ITEMS: Final = "items"
_DISCOUNTS: Final = "discounts"
_SHIPPING: Final = "shipping"
_TAX: Final = "tax"
_CHANGE: Final = "change"
#: Each more doubles what is tried.
_MOST_SUSPECTS: Final = 8
_KNOWN: Final = frozenset({_ITEMS, _DISCOUNTS, _SHIPPING, _TAX, _CHANGE})


@dataclass(frozen=True, slots=True)
class Sale:
    """An order's amounts as VTEX wrote them.

    `totals` are pairs of an id and cents, of an open set. `freight_cents` is what the deliveries of
    the lines cost together. `rounding_cents` is VTEX's `roundingError`. `is_chain`: sold through
    another seller of ours. `is_elsewhere`: sold by a marketplace or a chain, not by the store.
    """

    value_cents: int
    items: tuple[SoldItem, ...]
    totals: tuple[tuple[str, int], ...] = ()
    changes: tuple[AppliedChange, ...] = ()
    freight_cents: int = 0
    rounding_cents: int = 0
    is_chain: bool = False
    is_elsewhere: bool = False


class Reason(StrEnum):
    """The likely reason why an order's parts do not add up to its value."""

    #: VTEX rounded.
    ROUNDING = "rounding"
    #: A marketplace's order may differ by right: its value decides.
    MARKETPLACE = "marketplace"
    #: The total Tax is not what the lines' taxes add up to.
    TAX = "tax"
    #: The order was changed, and the change is not told whole.
    CHANGE = "change"
    #: The lines and services do not add up to the totals Items and Discounts.
    ITEMS = "items"
    #: The totals do not add up to the value.
    TOTALS = "totals"


@dataclass(frozen=True, slots=True)
class Reckoning:
    """An order's parts in cents; all but `reason` add up to its value.

    `lines_cents` and `tax_cents` are the lines' totals and taxes. `discounts_cents` are those that
    are in no line (of the freight), `changes_cents` is what changes added or took beside the lines,
    and `other_cents` is what VTEX's totals have beside these. `difference_cents` is what is missing
    to the value, and `reason` why that may be; None where nothing is missing.
    """

    lines_cents: int = 0
    services_cents: int = 0
    freight_cents: int = 0
    discounts_cents: int = 0
    tax_cents: int = 0
    changes_cents: int = 0
    other_cents: int = 0
    difference_cents: int = 0
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class ChargedService(Service):
    """A service as the order's value has it.

    `is_in_line`: the totals of the lines have its price already, so it costs nothing beside them.
    """

    is_in_line: bool = False

    @property
    def total_cents(self) -> int:
        """The cost of the service beside the line."""
        return 0 if self.is_in_line else self.quantity * self.price_cents


@dataclass(frozen=True, slots=True)
class Amounts:
    """An order's lines as the shopper has them at this time, and the reckoning of the order.

    `services` are those of each line that has some, by the line's index; together they cost the
    reckoning's `services_cents`.
    """

    lines: tuple[LineAmounts, ...]
    services: Mapping[int, tuple[ChargedService, ...]]
    reckoning: Reckoning


def amounts_now(sale: Sale) -> Amounts:
    """Return the lines with all changes counted in once, and the order's reckoning."""
    totals = _Totals(sale)
    best = _best(_candidates(sale, totals, AS_WRITTEN), totals)
    if has_items(sale.changes):
        best = _with_changes(sale, totals, best)
    lines = tuple(line for line in best.lines if line.quantity)
    services = dict(_services(sale, lines, best.charge))
    return Amounts(lines, services, best.reckon(totals))


class _Totals:
    """The order's own sums; `net_cents` is what the goods cost by them, None without such sums."""

    def __init__(self, sale: Sale) -> None:
        sums: dict[str, int] = {}
        for name, cents in sale.totals:
            key = name.strip().casefold()
            sums[key] = sums.get(key, 0) + cents
        self.sale = sale
        self.change_cents = sums.get(_CHANGE)
        self.tax_cents = sums.get(_TAX)
        self.freight_cents = sums.get(_SHIPPING, 0 if sale.totals else sale.freight_cents)
        self.other_cents = sum(cents for key, cents in sums.items() if key not in _KNOWN)
        self.net_cents = sums[_ITEMS] + sums.get(_DISCOUNTS, 0) if _ITEMS in sums else None
        # Discounts of the freight are in the total Discounts and in no line, or nowhere.
        tags = [tag for item in sale.items for tag in item.tags if tag.is_of_freight]
        by_tags = sum(tag.cents for tag in tags)
        by_deliveries = min(sale.freight_cents - self.freight_cents, 0)
        self.freight_discounts = tuple(dict.fromkeys((0, by_tags, by_deliveries)))


#: Reads how a service of a line of so many pieces is charged.
_Charge = Callable[[Service, int], ChargedService]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """One reading of a whole order."""

    lines: tuple[LineAmounts, ...]
    charge: _Charge
    services_cents: int
    discounts_cents: int
    changes_cents: int
    is_feasible: bool

    @property
    def goods_cents(self) -> int:
        """The cost of the lines."""
        return sum(line.total_cents for line in self.lines)

    @property
    def tax_cents(self) -> int:
        """The taxes of the lines."""
        return sum(line.tax_cents for line in self.lines)

    def difference(self, totals: _Totals) -> int:
        """Return what is missing to the order's value."""
        beside = totals.freight_cents + totals.other_cents + self.changes_cents
        goods = self.goods_cents + self.services_cents + self.discounts_cents
        return totals.sale.value_cents - goods - self.tax_cents - beside

    def matches_totals(self, totals: _Totals) -> bool:
        """Check whether the goods cost what the totals Items and Discounts say."""
        goods = self.goods_cents + self.services_cents + self.discounts_cents
        return goods == totals.net_cents

    def after(self, variant: Variant, sale: Sale) -> _Candidate:
        """Return the same reading with changes counted in."""
        lines, is_feasible = variant(self.lines, sale.changes)
        services = _services_cents(sale, lines, self.charge)
        return replace(self, lines=lines, services_cents=services, is_feasible=is_feasible)

    def reckon(self, totals: _Totals) -> Reckoning:
        """Return the reckoning of the order by this reading."""
        difference = self.difference(totals)
        reckoning = Reckoning(
            lines_cents=self.goods_cents,
            services_cents=self.services_cents,
            freight_cents=totals.freight_cents,
            discounts_cents=self.discounts_cents,
            tax_cents=self.tax_cents,
            changes_cents=self.changes_cents,
            other_cents=totals.other_cents,
            difference_cents=difference,
        )
        return replace(reckoning, reason=_reason(self, totals)) if difference else reckoning


def _reason(candidate: _Candidate, totals: _Totals) -> Reason:
    difference, sale = candidate.difference(totals), totals.sale
    if abs(difference) in {abs(sale.rounding_cents), 1} or abs(difference) < len(candidate.lines):
        return Reason.ROUNDING
    if sale.is_elsewhere:
        return Reason.MARKETPLACE
    if difference == (totals.tax_cents or 0) - candidate.tax_cents:
        return Reason.TAX
    if sale.changes:
        return Reason.CHANGE
    if totals.net_cents is not None and not candidate.matches_totals(totals):
        return Reason.ITEMS
    return Reason.TOTALS


def _best(candidates: Iterator[_Candidate], totals: _Totals) -> _Candidate:
    """Return what adds up to the value, else to the totals, else the first."""
    usual: _Candidate | None = None
    by_totals: _Candidate | None = None
    for candidate in candidates:
        if candidate.difference(totals) == 0:
            return candidate
        usual = usual or candidate
        if by_totals is None and candidate.matches_totals(totals):
            by_totals = candidate
    best = by_totals or usual
    if best is None:
        raise ValueError("an order has at least one reading")
    return best


def _candidates(sale: Sale, totals: _Totals, variant: Variant) -> Iterator[_Candidate]:
    """Yield every reading of the order, the usual one first."""
    for written in readings(sale.items, total_tax_cents=totals.tax_cents, is_chain=sale.is_chain):
        lines, is_feasible = variant(written, sale.changes)
        for charge in (_as_they_say, _by_piece, _in_the_lines):
            services = _services_cents(sale, lines, charge)
            for discounts in totals.freight_discounts:
                for changes in dict.fromkeys((totals.change_cents or 0, 0)):
                    yield _Candidate(
                        lines,
                        charge,
                        services,
                        discounts,
                        changes,
                        is_feasible,
                    )


def _with_changes(sale: Sale, totals: _Totals, written: _Candidate) -> _Candidate:
    """Count the changes in where the document shows that `items[]` was left alone.

    It does so by a total Change, by lines that do not add up without the changes, or by a SKU that
    the changes leave the shopper with and no line has.
    """
    adds_up = written.difference(totals) == 0
    if totals.change_cents is not None and (adds_up or written.matches_totals(totals)):
        return _by_total_change(sale, totals.change_cents, written)
    if adds_up:
        whole = written.after(WHOLE[0], sale)
        is_left_alone = brings_missing_sku(written.lines, sale.changes)
        return whole if is_left_alone and whole.difference(totals) == 0 else written
    for variant in VARIANTS:
        for candidate in _candidates(sale, totals, variant):
            if candidate.is_feasible and candidate.difference(totals) == 0:
                return candidate
    lingering = _without_lingering(sale, totals, written)
    if lingering is not None or written.matches_totals(totals):
        return lingering or written
    changed = [written.after(variant, sale) for variant in VARIANTS]
    nearest = [written, *(candidate for candidate in changed if candidate.is_feasible)]
    return min(nearest, key=lambda candidate: abs(candidate.difference(totals)))


def _without_lingering(sale: Sale, totals: _Totals, written: _Candidate) -> _Candidate | None:
    """Leave out the fewest lines of removed SKUs without which all adds up; None where none do.

    Lines that a change removed whole may still show, beside others that are right (VTEX's known
    issue 784171).
    """
    removed = {item.sku for change in sale.changes for item in change.removed}
    suspects = [line.index for line in written.lines if {line.sku, line.seller_sku} & removed]
    if len(suspects) > _MOST_SUSPECTS:
        return None
    for count in range(1, len(suspects) + 1):
        for gone in combinations(suspects, count):
            lines = tuple(line for line in written.lines if line.index not in gone)
            services = _services_cents(sale, lines, written.charge)
            candidate = replace(written, lines=lines, services_cents=services)
            if candidate.difference(totals) == 0:
                return candidate
    return None


def _by_total_change(sale: Sale, change_cents: int, written: _Candidate) -> _Candidate:
    """Count the changes in whole where the total Change is of their items.

    It is where it is nearer to what they cost than to nothing, or where an added SKU has no line.
    Else it is a manual discount or increment, and `items[]` was rewritten.
    """
    if change_cents and not written.changes_cents:
        return written  # The value has it in the lines: the total only tells of it.

    def rest(candidate: _Candidate) -> int:
        return change_cents - (_cost(candidate) - _cost(written))

    changed = [written.after(variant, sale) for variant in WHOLE]
    whole = [candidate for candidate in changed if candidate.is_feasible]
    best = min(whole, key=lambda candidate: abs(rest(candidate)), default=None)
    if best is None:
        return written
    is_of_items = abs(rest(best)) <= abs(change_cents)
    if not is_of_items and not brings_missing_sku(written.lines, sale.changes):
        return written
    return replace(best, changes_cents=rest(best))


def _cost(candidate: _Candidate) -> int:
    return candidate.goods_cents + candidate.tax_cents + candidate.services_cents


def _services(
    sale: Sale, lines: Sequence[LineAmounts], charge: _Charge
) -> Iterator[tuple[int, tuple[ChargedService, ...]]]:
    """Yield a line's index with its services, as charged; those of removed lines are gone."""
    left = {line.index: line.quantity for line in lines if line.quantity}
    for item in sale.items:
        if item.services and item.index in left:
            pieces = left[item.index]
            yield item.index, tuple(charge(service, pieces) for service in item.services)


def _services_cents(sale: Sale, lines: Sequence[LineAmounts], charge: _Charge) -> int:
    rows = _services(sale, lines, charge)
    return sum(service.total_cents for _, services in rows for service in services)


def _as_they_say(service: Service, _: int) -> ChargedService:
    return _charged(service, service.quantity)


def _by_piece(service: Service, pieces: int) -> ChargedService:
    return _charged(service, pieces)


def _in_the_lines(service: Service, _: int) -> ChargedService:
    return _charged(service, service.quantity, is_in_line=True)


def _charged(service: Service, quantity: int, *, is_in_line: bool = False) -> ChargedService:
    return ChargedService(
        id=service.id,
        name=service.name,
        kind=service.kind,
        quantity=quantity,
        price_cents=service.price_cents,
        is_in_line=is_in_line,
    )
