"""The differences between an order as its ERP has it and as VTEX has it. Pure.

Compared is what an ERP fulfils and invoices by: lines, amounts, deliveries and payments. VTEX
writes the same thing in many ways, so orders are compared as they were read, never their documents.
What moves by itself (statuses, estimates, packages, the alias of an e-mail) is no difference, and
neither is a payment once the order is invoiced, since it is settled then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from math import isclose
from typing import Final, NamedTuple

from orders_sync.domain.order import Address, Delivery, Order, OrderLine, Payment
from orders_sync.domain.rules import INVOICED


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
    """The part of a line's delivery that differs."""

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
    """The part of a means of payment that differs."""

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


#: The parts whose texts are cents.
_IN_CENTS: Final = frozenset({DeliveryPart.FREIGHT, PaymentPart.VALUE})


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

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs.

        An ERP is told so where a revision was taken back before it was known whether the ERP had
        taken it.
        """
        return not (self.is_of_value or self.lines or self.deliveries or self.payments)

    def describe(self) -> str:
        """Return in words what differs, for journals and hints; nothing personal is in them."""
        return "; ".join(self._parts())

    def _parts(self) -> Iterator[str]:
        if self.is_of_value:
            yield f"value {_money(self.value_before_cents)} -> {_money(self.value_after_cents)}"
        for line in self.lines:
            yield _line_words(line)
        # The same of several lines is said once.
        parts = [*map(_part_words, self.deliveries), *map(_part_words, self.payments)]
        yield from dict.fromkeys(parts)


def _line_words(line: LineChange) -> str:
    sku, before, after = line.sku, line.before, line.after
    if before is None:
        quantity = after.quantity if after else 0
        return f"SKU {sku} added ({quantity})"
    if after is None:
        return f"SKU {sku} removed ({before.quantity})"
    if before.quantity != after.quantity:
        return f"SKU {sku} {before.quantity} -> {after.quantity}"
    if before.unit_multiplier != after.unit_multiplier:
        return f"SKU {sku} weight {before.unit_multiplier:g} -> {after.unit_multiplier:g}"
    was, becomes = _money(_worth(before)), _money(_worth(after))
    return f"SKU {sku} {was} -> {becomes}"


def _worth(state: LineState) -> int:
    return state.total_cents + state.tax_cents + state.services_cents


def _part_words(row: DeliveryChange | PaymentChange) -> str:
    if row.before is None and row.after is None:
        return f"{row.part}"
    texts = [row.before or "none", row.after or "none"]
    if row.part in _IN_CENTS:
        texts = [_money(int(text)) for text in texts]
    return f"{row.part} {' -> '.join(texts)}"


def _money(cents: int) -> str:
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def compare(before: Order, after: Order, *, revision: int) -> Changes:
    """Return how an order differs from an earlier reading of it, as the given revision."""
    pairs = _pair_lines(before.lines, after.lines)
    payments = _of_payments(before.payments, after.payments)
    deliveries = tuple(_of_deliveries(before, after, pairs))
    if not any(row.part is DeliveryPart.ADDRESS for row in deliveries) and not _is_same_place(
        before.address, after.address
    ):
        deliveries = (DeliveryChange(None, DeliveryPart.ADDRESS), *deliveries)
    return Changes(
        revision=revision,
        value_before_cents=before.value_cents,
        value_after_cents=after.value_cents,
        lines=tuple(_of_lines(pairs)),
        deliveries=deliveries,
        payments=() if after.status == INVOICED else tuple(payments),
    )


class _Pair(NamedTuple):
    """The same line in both orders; None where one has no such line."""

    before: OrderLine | None
    after: OrderLine | None


def _pair_lines(before: Sequence[OrderLine], after: Sequence[OrderLine]) -> list[_Pair]:
    """Return the lines that are the same; the new order's come first, in its order.

    VTEX's id of a line decides, then the SKU at the same price, then the SKU: an added line has no
    id until VTEX writes it into `items[]`, and may get another place there.
    """
    left = list(before)
    partners: dict[int, OrderLine] = {}
    for is_same in (_has_same_id, _has_same_price, _has_same_sku):
        for place, line in enumerate(after):
            if place not in partners:
                other = next((row for row in left if is_same(row, line)), None)
                if other is not None:
                    left.remove(other)
                    partners[place] = other
    pairs = [_Pair(partners.get(place), line) for place, line in enumerate(after)]
    return pairs + [_Pair(line, None) for line in left]


def _has_same_id(line: OrderLine, other: OrderLine) -> bool:
    return bool(line.line_id) and (line.line_id, line.sku) == (other.line_id, other.sku)


def _has_same_price(line: OrderLine, other: OrderLine) -> bool:
    return _has_same_sku(line, other) and line.selling_price_cents == other.selling_price_cents


def _has_same_sku(line: OrderLine, other: OrderLine) -> bool:
    # Two ids of VTEX's are two lines.
    return line.sku == other.sku and not (line.line_id and other.line_id)


def _of_lines(pairs: Iterable[_Pair]) -> Iterator[LineChange]:
    for before, after in pairs:
        line = after or before
        if line is None or (before and after and _is_worth_the_same(before, after)):
            continue
        yield LineChange(
            index=line.index,
            line_id=line.line_id,
            sku=line.sku,
            before=_state(before) if before else None,
            after=_state(after) if after else None,
        )


def _is_worth_the_same(before: OrderLine, after: OrderLine) -> bool:
    """Compare what is fulfilled and booked: the price of a piece is VTEX's rounding of it."""
    was, now = _state(before), _state(after)
    return (
        was.quantity == now.quantity
        and isclose(was.unit_multiplier, now.unit_multiplier, rel_tol=1e-9)
        and was.total_cents == now.total_cents
        and was.tax_cents == now.tax_cents
        and was.services_cents == now.services_cents
    )


def _state(line: OrderLine) -> LineState:
    return LineState(
        quantity=line.quantity,
        unit_multiplier=line.unit_multiplier,
        selling_price_cents=line.selling_price_cents,
        total_cents=line.total_cents,
        tax_cents=line.tax_cents,
        services_cents=sum(service.total_cents for service in line.services),
    )


def _of_deliveries(before: Order, after: Order, pairs: Iterable[_Pair]) -> Iterator[DeliveryChange]:
    """Yield what differs in the deliveries of lines that both orders have."""
    earlier = {delivery.line_index: delivery for delivery in before.deliveries}
    later = {delivery.line_index: delivery for delivery in after.deliveries}
    for old, new in pairs:
        was = earlier.get(old.index) if old else None
        now = later.get(new.index) if new else None
        if new is None or was is None or now is None:
            continue
        if not _is_same_place(was.address, now.address):
            yield DeliveryChange(new.index, DeliveryPart.ADDRESS)
        olds, news = _delivery_facts(was), _delivery_facts(now)
        for part, text in news.items():
            if _spelt_alike(olds[part]) != _spelt_alike(text):
                yield DeliveryChange(new.index, part, olds[part], text)


def _delivery_facts(delivery: Delivery) -> Mapping[DeliveryPart, str | None]:
    return {
        DeliveryPart.CHANNEL: delivery.channel,
        DeliveryPart.METHOD: delivery.sla,
        DeliveryPart.CARRIER: _joined(delivery.company, delivery.courier_name, delivery.courier_id),
        DeliveryPart.WINDOW: _window(delivery.window_from, delivery.window_until),
        DeliveryPart.PICKUP_POINT: delivery.pickup_point_id,
        DeliveryPart.WAREHOUSE: _joined(delivery.warehouse_id, delivery.dock_id),
        DeliveryPart.FREIGHT: str(delivery.price_cents),
    }


def _window(start: datetime | None, end: datetime | None) -> str | None:
    """Write the hours of a delivery in UTC, whatever offsets VTEX wrote them with."""
    if start is None and end is None:
        return None
    times = [at.astimezone(UTC).isoformat(timespec="minutes") if at else "?" for at in (start, end)]
    return "/".join(times)


def _joined(*texts: str | None) -> str | None:
    """Join what says something, each text once."""
    return ", ".join(dict.fromkeys(text for text in texts if text and text.strip())) or None


_PLACE: Final = tuple(field.name for field in fields(Address) if field.name != "kind")
#: VTEX shows this to a key that may not see persons.
_MASK: Final = "***"


def _is_same_place(address: Address | None, other: Address | None) -> bool:
    """Compare addresses, what is masked in one of them left out."""
    if address is None or other is None:
        return address is other
    texts = [(getattr(address, name) or "", getattr(other, name) or "") for name in _PLACE]
    return all(
        _spelt_alike(first) == _spelt_alike(second)
        for first, second in texts
        if _MASK not in first and _MASK not in second
    )


def _spelt_alike(text: str | None) -> str:
    """Return a text without what is only its spelling: case, blanks, and empty or missing."""
    return " ".join((text or "").split()).casefold()


def _of_payments(before: Sequence[Payment], after: Sequence[Payment]) -> Iterator[PaymentChange]:
    earlier, later = _payments_by_id(before), _payments_by_id(after)
    for key in dict.fromkeys((*earlier, *later)):
        was, now = earlier.get(key), later.get(key)
        payment_id = (now or was or Payment(None, None, None, None, 0, 0)).id
        if was is None or now is None:
            means = [_means(payment) if payment else None for payment in (was, now)]
            yield PaymentChange(payment_id, PaymentPart.MEANS, *means)
            continue
        olds, news = _payment_facts(was), _payment_facts(now)
        for part, text in news.items():
            if _spelt_alike(olds[part]) != _spelt_alike(text):
                yield PaymentChange(payment_id, part, olds[part], text)


def _payments_by_id(payments: Sequence[Payment]) -> Mapping[tuple[str, int], Payment]:
    """Key each payment by VTEX's id of it, else by what it is; the number tells equals apart."""
    keyed: dict[tuple[str, int], Payment] = {}
    for payment in payments:
        name = payment.id or f"{payment.transaction_id} {payment.system} {payment.group}"
        number = 0
        while (name, number) in keyed:
            number += 1
        keyed[name, number] = payment
    return keyed


def _payment_facts(payment: Payment) -> Mapping[PaymentPart, str | None]:
    return {
        PaymentPart.MEANS: _means(payment),
        PaymentPart.VALUE: str(payment.value_cents),
        PaymentPart.INSTALLMENTS: str(payment.installments),
        PaymentPart.AUTHORIZATION: payment.authorization,
    }


def _means(payment: Payment) -> str | None:
    return _joined(payment.group, payment.name)
