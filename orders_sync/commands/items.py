"""Which items an invoice names: the caller's lines and SKUs, as VTEX needs them.

A SKU that stands on two items of one invoice makes VTEX guess the line or lose a refund (known
issues 1008459 and 1198829), so items of one SKU become one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orders_sync.commands.body import Quantity
from orders_sync.commands.verdicts import NotAllowed
from orders_sync.domain.fulfilment import Fulfilment, FulfilmentLine


@dataclass(frozen=True, slots=True)
class Chosen:
    """Items of an invoice; `is_rest` where they are all that was left of the order."""

    items: tuple[Quantity, ...]
    sum_cents: int
    is_rest: bool


def everything_left(order: Fulfilment) -> Chosen:
    """Choose what was not invoiced yet."""
    left = _left_by_sku(order)
    parts: list[tuple[FulfilmentLine, int, int | None]] = []
    for line in order.lines:
        taken = min(line.quantity, left[line.sku])
        left[line.sku] -= taken
        if taken:
            parts.append((line, taken, None))
    return _aggregate(parts, is_rest=True)


def choose(
    wanted: Sequence[Quantity], order: Fulfilment, *, returned: bool = False
) -> Chosen | NotAllowed:
    """Find the lines that the caller names; a SKU on several lines is taken from the first on."""
    left = {line.index: line.quantity for line in order.lines}
    left_of_sku = _quantities(order) if returned else _left_by_sku(order)
    parts: list[tuple[FulfilmentLine, int, int | None]] = []
    for each in wanted:
        lines = [line for line in order.lines if each.names(line)]
        name = f"line {each.line_id}" if each.line_id else f"SKU {each.sku}"
        if not lines:
            return NotAllowed(
                "invoice.item_unknown",
                f"The order has no {name}.",
                "Name the order's own lines (uniqueId) or SKUs, then retry.",
            )
        missing = each.quantity
        for line in lines:
            taken = min(missing, left[line.index], left_of_sku[line.sku])
            if taken:
                left_of_sku[line.sku] -= taken
                parts.append((line, taken, each.price_cents))
                left[line.index] -= taken
                missing -= taken
        if missing:
            return NotAllowed(
                "invoice.quantity_exceeded",
                f"{each.quantity} of {name} were asked for, {missing} more than are left.",
                "Correct the quantity, then retry.",
            )
    return _aggregate(parts, is_rest=not returned and not any(left_of_sku.values()))


def _quantities(order: Fulfilment) -> Counter[str]:
    found: Counter[str] = Counter()
    for line in order.lines:
        found[line.sku] += line.quantity
    return found


def _left_by_sku(order: Fulfilment) -> Counter[str]:
    """Count what was not invoiced: of a SKU on several lines VTEX names only one of them."""
    left = _quantities(order)
    for line in order.lines:
        left[line.sku] -= order.invoiced_quantity(line.index)
    return Counter({sku: max(quantity, 0) for sku, quantity in left.items()})


def _aggregate(parts: Iterable[tuple[FulfilmentLine, int, int | None]], *, is_rest: bool) -> Chosen:
    quantities: dict[str, int] = defaultdict(int)
    sums: dict[str, int] = defaultdict(int)
    for line, quantity, price in parts:
        quantities[line.sku] += quantity
        sums[line.sku] += _worth(line, quantity) if price is None else price * quantity
    items = tuple(
        Quantity(sku=sku, quantity=quantity, price_cents=round(sums[sku] / quantity))
        for sku, quantity in quantities.items()
    )
    return Chosen(items, sum(sums.values()), is_rest)


def _worth(line: FulfilmentLine, quantity: int) -> int:
    """Give what a part of a line is worth; VTEX rounds the line, not the unit."""
    return round(line.total_cents * quantity / line.quantity)
