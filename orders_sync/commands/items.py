"""The items of an invoice: the caller's lines and SKUs, as VTEX needs them.

A SKU that stands on two items of one invoice makes VTEX guess the line or lose a refund (known
issues 1008459 and 1198829), so items of one SKU become one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from orders_sync.commands.body import Quantity
from orders_sync.commands.verdicts import NotAllowed
from orders_sync.domain.fulfilment import Fulfilment, FulfilmentLine
from orders_sync.domain.order_changes import share


@dataclass(frozen=True, slots=True)
class Chosen:
    """Items of an invoice; `is_rest` where they are all that was left of the order.

    `value_cents` is what they cost with their taxes.
    """

    items: tuple[Quantity, ...]
    value_cents: int
    is_rest: bool


@dataclass(frozen=True, slots=True)
class _Pieces:
    """Some pieces of a line, after `before` others of it were invoiced or returned.

    `paid_cents` is what the whole line is worth of the order's value, its tax with it.
    """

    line: FulfilmentLine
    paid_cents: int
    before: int
    quantity: int
    price_cents: int | None = None

    @property
    def goods_cents(self) -> int:
        """The cost of the pieces without their tax."""
        if self.price_cents is not None:
            return self.price_cents * self.quantity
        return self._share(min(self.line.total_cents, self.paid_cents))

    @property
    def value_cents(self) -> int:
        """The cost of the pieces with their tax; a caller's own price includes it."""
        return self.goods_cents if self.price_cents is not None else self._share(self.paid_cents)

    def _share(self, cents: int) -> int:
        """Return the pieces' share of a line, so that all parts add up to it."""
        pieces = self.line.quantity
        return share(cents, self.before + self.quantity, pieces) - share(cents, self.before, pieces)


def _paid(order: Fulfilment) -> dict[int, int]:
    """Return what each line is worth of the order's value, by its index.

    Lines may cost more than the order is worth, after a manual discount or in a marketplace: each
    then has its share of the value.
    """
    costs = {line.index: line.total_cents + line.tax_cents for line in order.lines}
    total = sum(costs.values())
    if total <= order.value_cents:
        return costs
    paid: dict[int, int] = {}
    before = 0
    for index, cents in costs.items():
        until = before + cents
        paid[index] = share(order.value_cents, until, total) - share(
            order.value_cents, before, total
        )
        before = until
    return paid


def everything_left(order: Fulfilment) -> Chosen:
    """Return what was not invoiced yet."""
    left, paid = _left_by_sku(order, order.invoiced_quantity), _paid(order)
    parts: list[_Pieces] = []
    for line in order.lines:
        taken = min(line.quantity, left[line.sku])
        left[line.sku] -= taken
        if taken:
            parts.append(_Pieces(line, paid[line.index], line.quantity - taken, taken))
    return _merge(parts, is_rest=True)


def choose(
    items: Sequence[Quantity], order: Fulfilment, *, returned: bool = False
) -> Chosen | NotAllowed:
    """Return the lines that the caller names; a SKU on several lines is taken from the first on."""
    done = order.returned_quantity if returned else order.invoiced_quantity
    left = {line.index: line.quantity for line in order.lines}
    left_of_sku, paid = _left_by_sku(order, done), _paid(order)
    parts: list[_Pieces] = []
    for item in items:
        lines = order.lines_of(item.line_id, item.sku)
        if not lines:
            return NotAllowed(
                "invoice.item_unknown",
                f"The order has no {item.named}.",
                "Name the order's own lines (uniqueId) or SKUs, then retry.",
            )
        missing = item.quantity
        for line in lines:
            taken = min(missing, left[line.index], left_of_sku[line.sku])
            if taken:
                before = line.quantity - left[line.index] + done(line.index)
                before = min(before, line.quantity - taken)
                parts.append(_Pieces(line, paid[line.index], before, taken, item.price_cents))
                left_of_sku[line.sku] -= taken
                left[line.index] -= taken
                missing -= taken
        if missing:
            return NotAllowed(
                "invoice.quantity_exceeded",
                f"{item.quantity} of {item.named} were asked for, {missing} more than are left.",
                "Correct the quantity, then retry.",
            )
    return _merge(parts, is_rest=not returned and not any(left_of_sku.values()))


def _left_by_sku(order: Fulfilment, done: Callable[[int], int]) -> Counter[str]:
    """Count the pieces that are not done: of a SKU on several lines VTEX names only one of them."""
    left: Counter[str] = Counter()
    for line in order.lines:
        left[line.sku] += line.quantity - done(line.index)
    return Counter({sku: max(quantity, 0) for sku, quantity in left.items()})


def _merge(parts: Iterable[_Pieces], *, is_rest: bool) -> Chosen:
    """Make one item of each SKU, its price rounded down so that items never exceed the value."""
    quantities: Counter[str] = Counter()
    goods: Counter[str] = Counter()
    value = 0
    for part in parts:
        quantities[part.line.sku] += part.quantity
        goods[part.line.sku] += part.goods_cents
        value += part.value_cents
    items = tuple(
        Quantity(sku=sku, quantity=quantity, price_cents=max(goods[sku], 0) // quantity)
        for sku, quantity in quantities.items()
    )
    return Chosen(items, value, is_rest)
