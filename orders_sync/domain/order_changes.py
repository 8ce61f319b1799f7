"""Counts the changes of an order into its lines. Pure.

VTEX leaves `items[]` as it was sold in (at least) some accounts: what the shopper has is
`items[].quantity + itemsAdded - itemsRemoved` of `changesAttachment.changesData[]`.
https://developers.vtex.com/docs/guides/order-modifications
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, NamedTuple

from orders_sync.domain.fulfilment import AppliedChange, ChangedItem


@dataclass(frozen=True, slots=True)
class LineAmounts:
    """A line of an order as the shopper has it at this time, in cents.

    `index` is its place in `items[]`; lines that a change added follow. `origin` is the place of
    the line of the same SKU whose texts it has, None where the SKU is on none: then `name` is all
    there is. `unit_price_cents` is of one unit of measure, `price_cents` and `selling_price_cents`
    are of one piece (`unit_multiplier` units), before and after discounts, and so is
    `piece_tax_cents`, rounded. `total_cents` and `tax_cents` are of all pieces.
    """

    index: int
    line_id: str
    sku: str
    seller_sku: str
    quantity: int
    unit_price_cents: int
    unit_multiplier: float
    price_cents: int
    selling_price_cents: int
    total_cents: int
    tax_cents: int
    piece_tax_cents: int
    origin: int | None
    name: str = ""


class Applied(NamedTuple):
    """Lines after changes; not feasible where a change takes more than there is."""

    lines: tuple[LineAmounts, ...]
    is_feasible: bool


#: Whether the price of an added item is of a unit of measure or of a piece.
_Price = Callable[[int, float], int]


def share(cents: int, quantity: int, of: int) -> int:
    """Return what `quantity` pieces of `of` are worth, rounded half up; nothing of no pieces."""
    if not of:
        return 0
    return int((Decimal(cents) * quantity / of).to_integral_value(ROUND_HALF_UP))


def has_items(changes: Iterable[AppliedChange]) -> bool:
    """Check whether changes name items; a manual discount alone does not."""
    return any(item.quantity > 0 for change in changes for item in (*change.added, *change.removed))


def _of_a_unit(cents: int, multiplier: float) -> int:
    exact = Decimal(cents) * Decimal(repr(multiplier))
    return int(exact.to_integral_value(ROUND_HALF_UP))


def _of_a_piece(cents: int, multiplier: float) -> int:  # noqa: ARG001 -- the same shape as the other
    return cents


def _apply(
    lines: Sequence[LineAmounts],
    changes: Iterable[AppliedChange],
    *,
    price: _Price,
    adds: bool,
    removes: bool,
) -> Applied:
    state, is_feasible = list(lines), True
    for change in changes:
        for item in change.removed if removes else ():
            is_feasible = _remove(state, item) and is_feasible
        for item in change.added if adds else ():
            _add(state, item, price)
    return Applied(tuple(state), is_feasible)


#: Counts changes into lines.
Variant = Callable[[Sequence[LineAmounts], Sequence[AppliedChange]], Applied]


def _variant(price: _Price, *, adds: bool, removes: bool) -> Variant:
    def apply(lines: Sequence[LineAmounts], changes: Sequence[AppliedChange]) -> Applied:
        return _apply(lines, changes, price=price, adds=adds, removes=removes)

    return apply


#: `items[]` has the changes, or was left alone (the price of an added item is of a unit of measure
#: or of a piece), or only the removed or the added items are not in it.
AS_WRITTEN: Final = _variant(_of_a_unit, adds=False, removes=False)
WHOLE: Final = tuple(_variant(p, adds=True, removes=True) for p in (_of_a_unit, _of_a_piece))
VARIANTS: Final = (
    *WHOLE,
    _variant(_of_a_unit, adds=False, removes=True),
    _variant(_of_a_unit, adds=True, removes=False),
    _variant(_of_a_piece, adds=True, removes=False),
)


def brings_missing_sku(lines: Sequence[LineAmounts], changes: Iterable[AppliedChange]) -> bool:
    """Check whether the changes leave the shopper with a SKU that no line has."""
    net: Counter[str] = Counter()
    for change in changes:
        for item in change.added:
            net[item.sku] += item.quantity
        for item in change.removed:
            net[item.sku] -= item.quantity
    skus = {sku for line in lines for sku in (line.sku, line.seller_sku)}
    return any(quantity > 0 and sku not in skus for sku, quantity in net.items())


def _remove(lines: list[LineAmounts], item: ChangedItem) -> bool:
    """Remove pieces of a SKU from its lines; return whether there were enough."""
    missing = max(item.quantity, 0)
    for position in _lines_of(lines, item):
        line = lines[position]
        taken = min(missing, line.quantity)
        if taken:
            left = line.quantity - taken
            lines[position] = replace(
                line,
                quantity=left,
                total_cents=share(line.total_cents, left, line.quantity),
                tax_cents=share(line.tax_cents, left, line.quantity),
            )
            missing -= taken
    return not missing


def _add(lines: list[LineAmounts], item: ChangedItem, price: _Price) -> None:
    """Put pieces of a SKU on its line, on a line that was removed whole, or on a new one."""
    if item.quantity <= 0:
        return
    positions = _lines_of(lines, item)
    for position in positions:
        if lines[position].quantity and _is_alike(lines[position], item, price):
            lines[position] = _more(lines[position], item.quantity)
            return
    for position in positions:
        if not lines[position].quantity:
            lines[position] = _priced(lines[position], item, price)
            return
    model = lines[positions[0]] if positions else None
    index = max((line.index for line in lines), default=-1) + 1
    lines.append(_priced(_new_line(index, item, model), item, price))


def _lines_of(lines: Sequence[LineAmounts], item: ChangedItem) -> list[int]:
    """Return the places of a changed item's lines, the likeliest first."""
    named = [
        place for place, line in enumerate(lines) if item.line_id and line.line_id == item.line_id
    ]
    if named:
        return named
    places = [place for place, line in enumerate(lines) if line.sku == item.sku]
    if not places:
        places = [place for place, line in enumerate(lines) if line.seller_sku == item.sku]
    return sorted(places, key=lambda place: not _has_price(lines[place], item.price_cents))


def _has_price(line: LineAmounts, cents: int | None) -> bool:
    return cents in {line.selling_price_cents, line.price_cents, line.unit_price_cents}


def _is_alike(line: LineAmounts, item: ChangedItem, price: _Price) -> bool:
    multiplier = item.unit_multiplier or line.unit_multiplier
    if multiplier != line.unit_multiplier:
        return False
    if item.price_cents is None:
        return True
    return price(item.price_cents, multiplier) == line.selling_price_cents


def _more(line: LineAmounts, quantity: int) -> LineAmounts:
    return replace(
        line,
        quantity=line.quantity + quantity,
        total_cents=line.total_cents + line.selling_price_cents * quantity,
        tax_cents=line.tax_cents + line.piece_tax_cents * quantity,
    )


def _new_line(index: int, item: ChangedItem, model: LineAmounts | None) -> LineAmounts:
    if model is not None:
        return replace(model, index=index, line_id=item.line_id or "", quantity=0, tax_cents=0)
    return LineAmounts(
        index=index,
        line_id=item.line_id or "",
        sku=item.sku,
        seller_sku=item.sku,
        quantity=0,
        unit_price_cents=0,
        unit_multiplier=1.0,
        price_cents=0,
        selling_price_cents=0,
        total_cents=0,
        tax_cents=0,
        piece_tax_cents=0,
        origin=None,
        name=item.name,
    )


def _priced(line: LineAmounts, item: ChangedItem, price: _Price) -> LineAmounts:
    """Fill a line of no pieces with the item that a change added."""
    multiplier = item.unit_multiplier or line.unit_multiplier
    if item.price_cents is None:
        of_piece, of_unit = line.selling_price_cents, line.unit_price_cents
    else:
        of_piece = price(item.price_cents, multiplier)
        of_unit = item.price_cents if price is _of_a_unit else line.unit_price_cents
    # The tax of a piece follows its price, as where another weight was picked.
    before = line.selling_price_cents
    tax = share(line.piece_tax_cents, of_piece, before) if before else line.piece_tax_cents
    return replace(
        line,
        quantity=item.quantity,
        unit_multiplier=multiplier,
        unit_price_cents=of_unit,
        price_cents=of_piece,
        selling_price_cents=of_piece,
        total_cents=of_piece * item.quantity,
        piece_tax_cents=tax,
        tax_cents=tax * item.quantity,
    )
