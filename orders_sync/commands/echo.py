"""The changes of an order that its ERP did not ask for itself. Pure.

A change that the ERP asked for is in the order as soon as VTEX made it, like everybody's. The ERP
knows of it; what others changed meanwhile, it does not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import isclose
from typing import TypeVar

from orders_sync.commands.body import Quantity
from orders_sync.commands.change import ChangeBody, NewItem
from orders_sync.commands.unseen import digest_of, digest_of_applied
from orders_sync.domain.differences import Changes, DeliveryPart, LineChange, PaymentPart, compare
from orders_sync.domain.fulfilment import AppliedChange, ChangedItem, Fulfilment
from orders_sync.domain.order import Order, OrderLine
from orders_sync.domain.order_changes import WHOLE, LineAmounts, Variant, share

Named = TypeVar("Named", Quantity, NewItem)


@dataclass(frozen=True, slots=True)
class Reading:
    """An order as one document shows it: to its ERP, and to those who change it."""

    order: Order
    fulfilment: Fulfilment


def changes_by_others(
    before: Reading, after: Reading, asked: Sequence[ChangeBody], *, revision: int
) -> Changes:
    """Return how an order differs from what its ERP was given, without what the ERP `asked` for.

    Lines and amounts are left out where all changes that are new in the order are the ERP's,
    no SKU has other pieces than those leave, and the value is what they cost, rounding apart. Else
    they are in, counted from what the ERP's own changes make of the order.
    """
    own, others = _sorted_out(before.fulfilment, after.fulfilment, asked)
    if not own:
        return compare(before.order, after.order, revision=revision)
    expectations = [_expected(before.order, own, variant) for variant in WHOLE]
    changes = [compare(order, after.order, revision=revision) for order in expectations]
    nearest = min(changes, key=lambda change: (len(change.lines), _difference(change)))
    if others or _moves_pieces(nearest.lines):
        return nearest
    tolerance = _rounding_cents(before.order, own)
    costs = [cents for order in expectations for cents in _values(before.order, order, own)]
    is_as_asked = any(abs(after.order.value_cents - cents) <= tolerance for cents in costs)
    return _beside_amounts(nearest) if is_as_asked else nearest


def _sorted_out(
    before: Fulfilment, after: Fulfilment, asked: Sequence[ChangeBody]
) -> tuple[list[AppliedChange], list[AppliedChange]]:
    """Return the changes that only the later order shows: the ERP's own, and all others."""
    requests = [_with_skus(body, before, after) for body in asked]
    shown = list(before.changes)
    for change in shown:
        _take_from(requests, change)
    own: list[AppliedChange] = []
    others: list[AppliedChange] = []
    for change in after.changes:
        known = next((old for old in shown if _is_same(old, change)), None)
        if known is not None:
            shown.remove(known)
        elif (body := _take_from(requests, change)) is not None:
            own.append(_with_lines(change, body))
        else:
            others.append(change)
    return own, others


def _take_from(requests: list[ChangeBody], change: AppliedChange) -> ChangeBody | None:
    """Remove and return the request for a change; None where nobody asked for it."""
    body = next((body for body in requests if _is_asked_for(body, change)), None)
    if body is not None:
        requests.remove(body)
    return body


def _with_lines(change: AppliedChange, body: ChangeBody) -> AppliedChange:
    """Return a change whose removed items name their lines, as an order's document does not."""
    prices = {item.sku: item.price_cents for item in change.removed}
    removed = [*body.remove, *(item for exchange in body.replace for item in exchange.from_)]
    items = (
        ChangedItem(item.sku or "", item.quantity, prices.get(item.sku or ""), line_id=item.line_id)
        for item in removed
    )
    return replace(change, removed=tuple(items))


def _is_same(change: AppliedChange, other: AppliedChange) -> bool:
    return (digest_of_applied(change), change.discount_cents, change.increment_cents) == (
        digest_of_applied(other),
        other.discount_cents,
        other.increment_cents,
    )


def _is_asked_for(body: ChangeBody, change: AppliedChange) -> bool:
    """Compare by reason and items; an order's document names no request id.

    Where there are no items, the amounts tell changes apart. Beside items, VTEX may count those in.
    """
    if digest_of(body) != digest_of_applied(change):
        return False
    if not (change.added or change.removed):
        amounts = (body.manual_discount_cents, body.manual_increment_cents)
        return amounts == (change.discount_cents, change.increment_cents)
    weights = {item.sku: item.unit_multiplier for item in change.added}
    return all(_may_weigh(item.unit_multiplier, weights.get(item.sku)) for item in _added(body))


def _may_weigh(asked: float | None, shown: float | None) -> bool:
    return asked is None or shown is None or isclose(asked, shown, rel_tol=1e-6)


def _added(body: ChangeBody) -> Iterator[NewItem]:
    yield from body.add
    for exchange in body.replace:
        yield from exchange.to


def _with_skus(body: ChangeBody, *orders: Fulfilment) -> ChangeBody:
    """Return a change whose items have VTEX's SKUs, as the order's document shows it."""

    def named(items: Iterable[Named]) -> tuple[Named, ...]:
        return tuple(item.model_copy(update={"sku": _sku(item, orders)}) for item in items)

    exchanges = tuple(
        exchange.model_copy(update={"from_": named(exchange.from_), "to": named(exchange.to)})
        for exchange in body.replace
    )
    changes = {"add": named(body.add), "remove": named(body.remove), "replace": exchanges}
    return body.model_copy(update=changes)


def _sku(item: Quantity | NewItem, orders: Iterable[Fulfilment]) -> str | None:
    line_id = item.line_id if isinstance(item, Quantity) else None
    lines = (line for order in orders for line in order.lines_of(line_id, item.sku))
    return next((line.sku for line in lines), item.sku)


def _expected(order: Order, own: Sequence[AppliedChange], variant: Variant) -> Order:
    """Return the order as the ERP's own changes leave it."""
    rows = {line.index: line for line in order.lines}
    lines = tuple(
        _line(amounts, rows)
        for amounts in variant([_amounts(line) for line in order.lines], own).lines
        if amounts.quantity
    )
    cost = _worth(lines) - _worth(order.lines)
    by_hand = _by_hand(own)
    # VTEX may count the items in, or tell only what was taken off or put on beside them.
    sum_cents = cost if by_hand == cost else cost + by_hand
    return replace(order, lines=lines, value_cents=order.value_cents + sum_cents)


def _by_hand(changes: Iterable[AppliedChange]) -> int:
    return sum(change.increment_cents - change.discount_cents for change in changes)


def _values(before: Order, expected: Order, own: Sequence[AppliedChange]) -> Iterator[int]:
    """Yield what the order may be worth after the ERP's own changes.

    The freight of a line that is gone may be gone with it, and the discounts and increments may be
    all that a change comes to.
    """
    left = {line.index for line in expected.lines}
    freight = sum(row.price_cents for row in before.deliveries if row.line_index not in left)
    yield expected.value_cents
    yield expected.value_cents - freight
    yield before.value_cents + _by_hand(own)


def _rounding_cents(order: Order, own: Sequence[AppliedChange]) -> int:
    """Return how far VTEX's rounding may lead: a cent a piece of what was changed, and a line."""
    skus = {item.sku for change in own for item in (*change.added, *change.removed)}
    pieces = sum(line.quantity for line in order.lines if {line.sku, line.seller_sku} & skus)
    added = sum(item.quantity for change in own for item in change.added)
    return pieces + added + len(order.lines)


def _amounts(line: OrderLine) -> LineAmounts:
    return LineAmounts(
        index=line.index,
        line_id=line.line_id,
        sku=line.sku,
        seller_sku=line.seller_sku,
        quantity=line.quantity,
        unit_price_cents=line.unit_price_cents,
        unit_multiplier=line.unit_multiplier,
        price_cents=line.price_cents,
        selling_price_cents=line.selling_price_cents,
        total_cents=line.total_cents,
        tax_cents=line.tax_cents,
        piece_tax_cents=share(line.tax_cents, 1, line.quantity),
        origin=line.index,
        name=line.name,
    )


def _line(amounts: LineAmounts, rows: dict[int, OrderLine]) -> OrderLine:
    model = rows.get(amounts.index) or rows.get(-1 if amounts.origin is None else amounts.origin)
    return OrderLine(
        index=amounts.index,
        line_id=amounts.line_id,
        sku=amounts.sku,
        seller_sku=amounts.seller_sku,
        ref_id=None,
        name=amounts.name,
        quantity=amounts.quantity,
        list_price_cents=amounts.price_cents,
        price_cents=amounts.price_cents,
        selling_price_cents=amounts.selling_price_cents,
        total_cents=amounts.total_cents,
        tax_cents=amounts.tax_cents,
        is_gift=False,
        measurement_unit=None,
        unit_multiplier=amounts.unit_multiplier,
        services=model.services if model is not None and model.index == amounts.index else (),
    )


def _worth(lines: Iterable[OrderLine]) -> int:
    return sum(
        line.total_cents + line.tax_cents + sum(service.total_cents for service in line.services)
        for line in lines
    )


def _moves_pieces(lines: Iterable[LineChange]) -> bool:
    """Check whether a SKU has more or fewer pieces, or of another weight, on all of its lines."""
    pieces: Counter[tuple[str, float]] = Counter()
    for line in lines:
        for state, sign in ((line.before, -1), (line.after, 1)):
            if state is not None:
                pieces[line.sku, round(state.unit_multiplier, 6)] += sign * state.quantity
    return any(pieces.values())


def _difference(changes: Changes) -> int:
    return abs(changes.value_after_cents - changes.value_before_cents)


def _beside_amounts(changes: Changes) -> Changes:
    """Leave out what follows from the lines: their amounts, the value, freight and payments."""
    deliveries = (row for row in changes.deliveries if row.part is not DeliveryPart.FREIGHT)
    payments = (row for row in changes.payments if row.part is not PaymentPart.VALUE)
    return replace(
        changes,
        value_before_cents=changes.value_after_cents,
        lines=(),
        deliveries=tuple(deliveries),
        payments=tuple(payments),
    )
