"""Whether commands of one order took effect in the order in which they were accepted. Pure.

The ERP's rows are accepted in the order of their numbers; what other services send comes in any.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from orders_sync.demo.asked import is_in_effect
from orders_sync.demo.records import AskedCommand, Evidence, VtexOrder

#: What VTEX calls that which a kind of command does to an order's goods.
_CALLS = {"invoice": "invoice", "change": "create_change", "cancel": "cancel"}
#: An order that was invoiced takes none of these.
_TOO_LATE = frozenset({"cancel", "create_change"})


def out_of_line(evidence: Evidence) -> Iterator[str]:
    """Say of which orders VTEX's own record shows that commands were not kept in line."""
    vtex = {order.order_id: order for order in evidence.vtex_orders}
    lines: defaultdict[str, list[AskedCommand]] = defaultdict(list)
    for asked in evidence.asked or ():
        if asked.row is not None:
            lines[asked.order_id].append(asked)
    for order_id, line in lines.items():
        order = vtex.get(order_id)
        if order is not None:
            line.sort(key=lambda asked: asked.row or 0)
            yield from (f"{order_id}: {problem}" for problem in _problems(order, line))


def _problems(order: VtexOrder, line: list[AskedCommand]) -> Iterator[str]:
    yield from _overtaking(order, line)
    yield from _sent_too_late(order)
    yield from _old_numbers(order, line)
    yield from _wrong_values(order, line)
    rivals = [asked for asked in line if asked.is_rival]
    if rivals and sum(is_in_effect(asked, order) for asked in rivals) != 1:
        yield f"not one of {' and '.join(asked.kind for asked in rivals)}"


def _overtaking(order: VtexOrder, line: list[AskedCommand]) -> Iterator[str]:
    places = [(_place(order, asked), asked) for asked in line if asked.kind in _CALLS]
    latest = -1
    for place, asked in places:
        if place is None:
            continue
        if place < latest:
            name = f"{asked.kind} {asked.number}" if asked.number else asked.kind
            yield f"{name} overtook what was accepted before it"
        latest = max(latest, place)


def _place(order: VtexOrder, asked: AskedCommand) -> int | None:
    """Find where in VTEX's record a command first took effect."""
    about = asked.number if asked.kind == "invoice" else asked.words
    return next(
        (
            index
            for index, call in enumerate(order.calls)
            if call.has_effect and (call.name, call.about) == (_CALLS[asked.kind], about)
        ),
        None,
    )


def _sent_too_late(order: VtexOrder) -> Iterator[str]:
    if order.invoiced_at is None:
        return
    late = {c.name for c in order.calls if c.name in _TOO_LATE and c.at > order.invoiced_at}
    yield from (f"{name} was sent after an invoice" for name in sorted(late))


def _old_numbers(order: VtexOrder, line: Iterable[AskedCommand]) -> Iterator[str]:
    latest = {
        asked.number: asked.tracking_number
        for asked in line
        if asked.kind == "track" and asked.tracking_number is not None
    }
    for number, tracking_number in latest.items():
        package = order.package(number)
        if package is not None and package.tracking_number not in {None, tracking_number}:
            yield f"{number} shows {package.tracking_number} after {tracking_number}"


def _wrong_values(order: VtexOrder, line: Iterable[AskedCommand]) -> Iterator[str]:
    for asked in line:
        package = order.package(asked.number)
        if package is not None and asked.value_cents not in {None, package.value_cents}:
            yield f"{asked.number} is of {package.value_cents}, not {asked.value_cents}"
