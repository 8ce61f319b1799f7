"""Whether each promise about commands held, judged by what VTEX and the ERP's own table say."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from orders_sync.demo.records import AskedCommand, CommandAnswer, Evidence, ParcelEvent, VtexOrder
from orders_sync.demo.settled import is_in_effect
from orders_sync.domain.rules import CANCELLATION_REQUESTED, CANCELLED, CANCELLING, INVOICED
from orders_sync.domain.words import count_of, was_or_were

#: VTEX offers no way to look whether a note is there, so one may stand twice after a lost answer.
_MAY_REPEAT = "interaction"
_GIVEN_UP = CANCELLED | CANCELLING | {CANCELLATION_REQUESTED}


def invoices_add_up(evidence: Evidence) -> tuple[Iterable[str], str, int]:
    """The invoices of each order sum to its value at VTEX, which shows it as invoiced.

    So it is for every order that the ERP has, but for those that were cancelled.
    """
    numbers = _numbers(evidence.wanted)
    rivals = _numbers(asked for asked in evidence.asked or () if asked.is_rival)
    placed = {order.order_id for order in evidence.erp_orders}
    due = [o for o in evidence.vtex_orders if o.order_id in placed and o.status not in CANCELLED]
    wrong = [
        order.order_id
        for order in due
        if not _adds_up(order, numbers[order.order_id], rivals[order.order_id])
    ]
    count = sum(len(numbers[order.order_id]) for order in due)
    seen = f"{count_of(len(due), 'order')}, {count_of(count, 'invoice')}: "
    return wrong, f"{seen}each order's sum to its value", count


def nothing_twice(evidence: Evidence) -> tuple[Iterable[str], str, int]:
    """No invoice, refund, change, tracking event or cancellation took effect twice."""
    asked = Counter(
        (command.order_id, command.number) for command in evidence.wanted if command.is_return
    )
    twice = [
        f"{order.order_id}: {what}"
        for order in evidence.vtex_orders
        for what in (*_doubled(order), *_refunds_beyond(order, asked))
    ]
    refunds = sum(p.is_return for order in evidence.vtex_orders for p in order.packages)
    changes = sum(len(order.changes) for order in evidence.vtex_orders)
    seen = f"{count_of(refunds, 'refund')} and {count_of(changes, 'change')}"
    effects = changes + sum(len(order.packages) for order in evidence.vtex_orders)
    return twice, f"nothing took effect twice, among it {seen}", effects


def no_cancel_after_invoice(evidence: Evidence) -> tuple[Iterable[str], str, int]:
    """An order has invoices or a cancellation, never both."""
    wrong = [
        order.order_id
        for order in evidence.vtex_orders
        if order.packages and (order.cancel_requests or order.status in _GIVEN_UP)
    ]
    asked = {command.order_id for command in evidence.asked or () if command.kind == "cancel"}
    cancelled = sum(o.order_id in asked and o.status in CANCELLED for o in evidence.vtex_orders)
    seen = f"{count_of(cancelled, 'order')} {was_or_were(cancelled)} cancelled as asked"
    return wrong, f"{seen}, and none of them has an invoice", cancelled


def tracking_in_order(evidence: Evidence) -> tuple[Iterable[str], str, int]:
    """Each invoice has its tracking events, in order, and is finished once it was delivered."""
    vtex = {order.order_id: order for order in evidence.vtex_orders}
    by_invoice: defaultdict[tuple[str, str | None], list[AskedCommand]] = defaultdict(list)
    for asked in evidence.wanted:
        if asked.kind == "track":
            by_invoice[asked.order_id, asked.number].append(asked)
    wrong = [
        f"{order_id} ({number})"
        for (order_id, number), tracks in by_invoice.items()
        if not _is_tracked(vtex.get(order_id), number, tracks)
    ]
    early = [order.order_id for order in evidence.vtex_orders if _is_early(order)]
    events = sum(len(asked.events) for tracks in by_invoice.values() for asked in tracks)
    seen = f"{count_of(events, 'event')} of {count_of(len(by_invoice), 'invoice')}"
    return [*wrong, *early], f"{seen}: each there, and in order", events


def refusals_answered(evidence: Evidence) -> tuple[Iterable[str], str, int]:
    """What could not be was refused, with a reason and without effect; nothing else was."""
    vtex = {order.order_id: order for order in evidence.vtex_orders}
    asked = evidence.asked or ()
    impossible = [command for command in asked if command.is_impossible]
    wrong = [
        f"{command.kind} of {command.order_id}"
        for command in asked
        if command.row is not None
        and not _is_answered(command, evidence.answers.get(command.row), vtex.get(command.order_id))
    ]
    seen = f"{count_of(len(impossible), 'command')} could not be: each refused, and without effect"
    return wrong, seen, len(impossible)


#: All of the above, in the order they are told in.
COMMAND_PROMISES = (
    invoices_add_up,
    nothing_twice,
    no_cancel_after_invoice,
    tracking_in_order,
    refusals_answered,
)


def _numbers(asked: Iterable[AskedCommand]) -> defaultdict[str, set[str | None]]:
    """Return the numbers of the sales' invoices of each order."""
    numbers: defaultdict[str, set[str | None]] = defaultdict(set)
    for command in asked:
        if command.kind == "invoice" and not command.is_return:
            numbers[command.order_id].add(command.number)
    return numbers


def _adds_up(order: VtexOrder, numbers: set[str | None], rivals: set[str | None]) -> bool:
    sales = [package for package in order.packages if not package.is_return]
    if {sale.number for sale in sales} - rivals != numbers or order.status != INVOICED:
        return False
    return sum(sale.value_cents for sale in sales) == order.value_cents


def _doubled(order: VtexOrder) -> Iterable[str]:
    yield from (what for what in order.doubled if not what.startswith(_MAY_REPEAT))
    numbers = Counter(package.number for package in order.packages)
    yield from (f"invoice {number}" for number, times in numbers.items() if times > 1)


def _refunds_beyond(order: VtexOrder, asked: Counter[tuple[str, str | None]]) -> Iterable[str]:
    """Find refunds that nobody asked for, and returns that paid back another sum than theirs."""
    for package in order.packages:
        expected = package.value_cents if asked[order.order_id, package.number] else 0
        if package.refund_cents != expected:
            yield f"refund {package.number}"


def _is_tracked(order: VtexOrder | None, number: str | None, tracks: list[AskedCommand]) -> bool:
    package = None if order is None else order.package(number)
    if package is None or package.is_delivered != any(track.is_delivered for track in tracks):
        return False
    codes = {track.tracking_number for track in tracks} - {None}
    return codes <= {package.tracking_number} and package.events == _in_order(tracks)


def _in_order(tracks: list[AskedCommand]) -> tuple[ParcelEvent, ...]:
    events = (event for track in tracks for event in track.events)
    return tuple(sorted(events, key=lambda event: event.date))


def _is_early(order: VtexOrder) -> bool:
    """Check whether tracking took effect before any invoice did."""
    if order.tracked_at is None:
        return False
    return order.invoiced_at is None or order.tracked_at < order.invoiced_at


def _is_answered(
    asked: AskedCommand, answer: CommandAnswer | None, order: VtexOrder | None
) -> bool:
    if answer is None:
        return False
    is_refused = answer.state == "refused" and bool(answer.words)
    if asked.is_impossible or (asked.is_rival and is_refused):
        return is_refused and (order is None or not is_in_effect(asked, order))
    return answer.state != "refused"
