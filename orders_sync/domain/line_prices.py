"""The price of an order's line, in each way in which VTEX writes it. Pure.

VTEX's documents say a line's price in several places, and not all of them are right in every order.
`amounts.py` takes those readings by which the order adds up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from orders_sync.domain.order_changes import LineAmounts, share


@dataclass(frozen=True, slots=True)
class PriceTag:
    """A discount (below zero) or a tax of a whole line; `name` says which and where from."""

    name: str
    cents: int

    @property
    def is_tax(self) -> bool:
        """Whether it is a tax."""
        return self.name.casefold().startswith("tax")

    @property
    def is_tax_service(self) -> bool:
        """Whether it is the line's tax as a tax service (TaxHub) computed it."""
        return self.name.casefold().startswith("taxhub")

    @property
    def is_of_freight(self) -> bool:
        """Whether it lowers the freight and not the goods."""
        return "@shipping" in self.name.casefold()


@dataclass(frozen=True, slots=True)
class Service:
    """A service sold with a line, such as gift wrapping or a warranty (`bundleItems`).

    `price_cents` is of one; its price is in the order's value and in no line.
    """

    id: str
    name: str
    kind: str | None
    quantity: int
    price_cents: int

    @property
    def total_cents(self) -> int:
        """The cost of the service."""
        return self.quantity * self.price_cents


@dataclass(frozen=True, slots=True)
class SoldItem:
    """A line of `items[]` as VTEX wrote it.

    `price_cents` is of one unit of measure, `selling_price_cents` and `tax_cents` of one piece,
    which is `unit_multiplier` units. `defined_total_cents` is the total of its price definition.
    """

    index: int
    line_id: str
    sku: str
    seller_sku: str
    quantity: int
    price_cents: int
    unit_multiplier: float = 1.0
    selling_price_cents: int | None = None
    defined_total_cents: int | None = None
    tax_cents: int = 0
    is_gift: bool = False
    tags: tuple[PriceTag, ...] = ()
    services: tuple[Service, ...] = ()


def piece_cents(unit_cents: int, unit_multiplier: float) -> int:
    """Return the price of a piece from the price of a unit of measure, rounded half up."""
    return _times(unit_cents, unit_multiplier, 1)


def _times(cents: int, multiplier: float, quantity: int) -> int:
    exact = Decimal(cents) * Decimal(repr(multiplier)) * quantity
    return int(exact.to_integral_value(ROUND_HALF_UP))


def readings(
    items: Sequence[SoldItem], *, total_tax_cents: int | None, is_chain: bool
) -> Iterator[tuple[LineAmounts, ...]]:
    """Yield the lines of `items[]` by each reading of their totals, without repeats.

    A chain order's price definition follows `price` (VTEX's known issue 663203).
    """
    taxes = _taxes(items, total_tax_cents)
    seen: set[tuple[int, ...]] = set()
    usual = (_computed, _defined) if is_chain else (_defined, _computed)
    for total_of in (*usual, _tagged, _sold, _with_free_gifts):
        sums = tuple(total_of(item) for item in items)
        if sums not in seen:
            seen.add(sums)
            yield tuple(map(_line, items, sums, taxes))


def _line(item: SoldItem, total_cents: int, tax_cents: int) -> LineAmounts:
    selling = item.selling_price_cents
    if selling is None:
        selling = share(total_cents, 1, item.quantity)
    return LineAmounts(
        index=item.index,
        line_id=item.line_id,
        sku=item.sku,
        seller_sku=item.seller_sku,
        quantity=item.quantity,
        unit_price_cents=item.price_cents,
        unit_multiplier=item.unit_multiplier,
        price_cents=piece_cents(item.price_cents, item.unit_multiplier),
        selling_price_cents=selling,
        total_cents=total_cents if item.quantity else 0,
        tax_cents=tax_cents if item.quantity else 0,
        piece_tax_cents=share(tax_cents, 1, item.quantity),
        origin=item.index,
    )


def _tagged(item: SoldItem) -> int:
    """Compute the total from the price of a unit and the discounts of the line."""
    discounts = sum(tag.cents for tag in item.tags if not (tag.is_tax or tag.is_of_freight))
    return _times(item.price_cents, item.unit_multiplier, item.quantity) + discounts


def _sold(item: SoldItem) -> int:
    """Compute the total from the selling price of a piece, which VTEX rounds."""
    if item.selling_price_cents is None:
        return _tagged(item)
    return item.selling_price_cents * item.quantity


def _computed(item: SoldItem) -> int:
    """Compute the total, exact to the cent where price and selling price agree."""
    tagged, sold = _tagged(item), _sold(item)
    total = tagged if abs(tagged - sold) <= item.quantity else sold
    defined = item.defined_total_cents
    # A price definition that differs by rounding alone is right: VTEX rounds the line.
    return defined if defined is not None and abs(defined - total) <= item.quantity else total


def _defined(item: SoldItem) -> int:
    return _computed(item) if item.defined_total_cents is None else item.defined_total_cents


def _with_free_gifts(item: SoldItem) -> int:
    return 0 if item.is_gift else _defined(item)


def _taxes(items: Sequence[SoldItem], total_cents: int | None) -> tuple[int, ...]:
    """Return each line's tax, by the first reading that adds up to the total Tax.

    VTEX's `tax` is of one piece; a tax service's is in price tags of the whole line.
    """
    readings = [
        tuple(item.tax_cents * item.quantity or _service_tax(item) for item in items),
        tuple(_service_tax(item) or item.tax_cents * item.quantity for item in items),
        tuple(item.tax_cents for item in items),
    ]
    return next((taxes for taxes in readings if sum(taxes) == total_cents), readings[0])


def _service_tax(item: SoldItem) -> int:
    return sum(tag.cents for tag in item.tags if tag.is_tax_service)
