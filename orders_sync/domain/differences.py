"""What an ERP is told of an order that changed after it was handed over. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class LineState:
    """What a line is worth, in cents; `quantity` pieces, each of `unit_multiplier` units.

    `total_cents`, `tax_cents` and `services_cents` are of all pieces, as in `OrderLine`.
    """

    quantity: int
    unit_multiplier: float
    selling_price_cents: int
    total_cents: int
    tax_cents: int
    services_cents: int = 0


@dataclass(frozen=True, slots=True)
class LineChange:
    """A line that differs; `before` is None where it is new, `after` where it is gone.

    `index` and `line_id` are those of the line in the order as it is, or as it was where the line
    is gone; `line_id` is empty where VTEX gives none.
    """

    index: int
    line_id: str
    sku: str
    before: LineState | None
    after: LineState | None


class DeliveryPart(StrEnum):
    """What of a line's delivery differs."""

    ADDRESS = "delivery address"
    CHANNEL = "delivery channel"
    METHOD = "shipping method"
    CARRIER = "carrier"
    WINDOW = "delivery window"
    PICKUP_POINT = "pickup point"
    WAREHOUSE = "warehouse"
    FREIGHT = "freight"


@dataclass(frozen=True, slots=True)
class DeliveryChange:
    """A part of a line's delivery that differs; `line_index` is None for the order's own address.

    `before` and `after` are ids, names, times or cents as text. Those of an address are None: they
    are personal, and the new one is in the order.
    """

    line_index: int | None
    part: DeliveryPart
    before: str | None = None
    after: str | None = None


class PaymentPart(StrEnum):
    """What of a means of payment differs."""

    MEANS = "means of payment"
    VALUE = "payment value"
    INSTALLMENTS = "installments"
    AUTHORIZATION = "payment authorization"


@dataclass(frozen=True, slots=True)
class PaymentChange:
    """A part of a means of payment that differs; `payment_id` is VTEX's.

    `before` and `after` are ids, words or cents as text; None where there was, or is, none.
    """

    payment_id: str | None
    part: PaymentPart
    before: str | None = None
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """How an order differs from what the ERP was given last; the order itself comes with it.

    `revision` numbers what the ERP is given of the order: 1 is the order as it was handed over,
    and each later change has a higher one. The values are equal where the value did not change.
    """

    revision: int
    value_before_cents: int
    value_after_cents: int
    lines: tuple[LineChange, ...] = ()
    deliveries: tuple[DeliveryChange, ...] = ()
    payments: tuple[PaymentChange, ...] = ()

    @property
    def is_of_value(self) -> bool:
        """Whether the order's value changed."""
        return self.value_before_cents != self.value_after_cents

    def describe(self) -> str:
        """Return in words what differs, for journals and hints; nothing personal is in them."""
        return "; ".join(self._parts())

    def _parts(self) -> Iterator[str]:
        if self.is_of_value:
            yield f"value {_money(self.value_before_cents)} -> {_money(self.value_after_cents)}"
        yield from map(_line_words, self.lines)
        for part in DeliveryPart:
            yield from _delivery_words(part, [row for row in self.deliveries if row.part is part])
        for payment in self.payments:
            yield f"{payment.part}{_before_and_after(payment.before, payment.after)}"


def _line_words(line: LineChange) -> str:
    name = f"SKU {line.sku}"
    if line.before is None or line.after is None:
        state, verb = (line.after, "added") if line.before is None else (line.before, "removed")
        quantity = state.quantity if state else 0
        return f"{name} {verb} ({quantity})"
    if line.before.quantity != line.after.quantity:
        return f"{name} {line.before.quantity} -> {line.after.quantity}"
    if line.before.unit_multiplier != line.after.unit_multiplier:
        return f"{name} weight {line.before.unit_multiplier:g} -> {line.after.unit_multiplier:g}"
    return f"{name} {_money(_worth(line.before))} -> {_money(_worth(line.after))}"


def _worth(state: LineState) -> int:
    return state.total_cents + state.tax_cents + state.services_cents


def _delivery_words(part: DeliveryPart, rows: list[DeliveryChange]) -> Iterator[str]:
    """Yield what changed of the deliveries, once where it is the same for several lines."""
    seen = dict.fromkeys((row.before, row.after) for row in rows)
    for before, after in seen:
        yield f"{part}{_before_and_after(before, after)}"


def _before_and_after(before: str | None, after: str | None) -> str:
    return "" if before is after is None else f" {before or 'none'} -> {after or 'none'}"


def _money(cents: int) -> str:
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"
