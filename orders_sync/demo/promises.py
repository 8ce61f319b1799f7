"""Whether each promise held, judged by what VTEX and the ERP saw; our own ledger has no say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from orders_sync.demo.command_promises import COMMAND_PROMISES
from orders_sync.demo.records import PLAIN, ErpOrder, Evidence, VtexOrder
from orders_sync.demo.settled import (
    TAKEN_OVER,
    UNREADABLE,
    cancelled_by_erp,
    is_in_effect,
    is_settled,
    is_to_be_fulfilled,
    knows_the_end,
)
from orders_sync.demo.sums import adds_up, has_the_lines, is_as_sold
from orders_sync.domain.rules import CANCELLED
from orders_sync.domain.words import count_of
from orders_sync.sandbox.editing import EDIT_REASON

_ENDED = frozenset({"done", "refused"})
_SHOWN = 3

#: What violates a promise, what was seen where nothing does, and how much was there to judge.
Judged = tuple[Iterable[str], str, int]


@dataclass(frozen=True, slots=True)
class PromiseVerdict:
    """One promise, whether it was kept, and what shows it.

    One that was not `tested`, since nothing happened that could break it, counts as kept.
    """

    name: str
    kept: bool
    why: str
    tested: bool = True


def judge(evidence: Evidence) -> tuple[PromiseVerdict, ...]:
    """Judge every promise; those about commands only where somebody was there to ask for them."""
    promises: list[Callable[[Evidence], Judged]] = [
        nothing_lost,
        nothing_doubled,
        in_order,
        everything_ended,
        feed_is_the_guarantee,
        one_bad_thing_stops_nothing,
        nothing_personal_leaks,
    ]
    if evidence.asked is not None:
        promises += (changes_told, *COMMAND_PROMISES)
    return tuple(verdict(promise.__name__, *promise(evidence)) for promise in promises)


def nothing_lost(evidence: Evidence) -> Judged:
    """Every order to fulfil is in the ERP and in handling at VTEX, every command in effect there.

    The ERP has each line of it. Commands that were to be refused are another promise's matter.
    """
    erp = _by_id(evidence.erp_orders)
    vtex = {order.order_id: order for order in evidence.vtex_orders}
    owed = [order for order in evidence.vtex_orders if is_to_be_fulfilled(order)]
    lost = [order.order_id for order in owed if not _arrived(order, erp.get(order.order_id))]
    for asked in evidence.wanted:
        order = vtex.get(asked.order_id)
        if order is None or not is_in_effect(asked, order):
            lost.append(f"{asked.kind} of {asked.order_id}")
    commands = len(evidence.wanted)
    seen = (
        f"{count_of(len(owed), 'order')} to fulfil: each in the ERP, and in handling at VTEX or "
        f"past it; {count_of(commands, 'command')}: each in effect at VTEX"
    )
    return lost, seen, len(owed) + commands


def feed_is_the_guarantee(evidence: Evidence) -> Judged:
    """Whatever the hook was not told, or was told while nobody listened, every order arrived."""
    erp = _by_id(evidence.erp_orders)
    owed = [order for order in evidence.vtex_orders if is_to_be_fulfilled(order)]
    lost = [order.order_id for order in owed if not _arrived(order, erp.get(order.order_id))]
    hook = evidence.hook
    seen = (
        f"{count_of(hook.taken, 'post')} of the hook taken, {hook.refused} not taken and posted "
        f"again, {hook.dropped} never posted: {count_of(len(owed), 'order')} arrived all the same"
    )
    return lost, seen, hook.refused + hook.dropped


def nothing_doubled(evidence: Evidence) -> Judged:
    """What the ERP has is what VTEX sold, to the cent, and start handling took effect once.

    The cents are summed here, line by line, and not taken from what is judged.
    """
    vtex = {order.order_id: order for order in evidence.vtex_orders}
    rows = Counter(order.order_id for order in evidence.erp_orders)
    wrong = {order_id for order_id, count in rows.items() if count > 1}
    known = cancelled_by_erp(evidence.asked or ())
    wrong |= {o.order_id for o in evidence.erp_orders if not _same(vtex.get(o.order_id), o, known)}
    wrong |= {o.order_id for o in evidence.vtex_orders if o.start_handling_effects > 1}
    seen = f"{count_of(len(rows), 'order')} in the ERP: each once, and equal to the cent"
    return sorted(wrong), seen, len(rows)


def changes_told(evidence: Evidence) -> Judged:
    """What a person changed at VTEX is in the ERP, once and in order; its own changes are not."""
    vtex = {order.order_id: order for order in evidence.vtex_orders}
    wrong = []
    judged = 0
    for erp in evidence.erp_orders:
        order = vtex.get(erp.order_id)
        edits = order.edited_parts() if order is not None else ()
        judged += len(edits)
        if erp.state != "cancelled" and not _is_told(edits, erp.changes):
            wrong.append(erp.order_id)
    own = sum(
        change.is_done and change.reason != EDIT_REASON
        for order in evidence.vtex_orders
        for change in order.changes
    )
    others = count_of(judged, "change")
    seen = f"{others} by somebody else: each in the ERP once, and none of {own} that were asked for"
    return wrong, seen, judged


def in_order(evidence: Evidence) -> Judged:
    """Start handling took effect only once the ERP had the order."""
    erp = _by_id(evidence.erp_orders)
    told = [order for order in evidence.vtex_orders if order.start_handling_at]
    early = [order.order_id for order in told if _too_early(order, erp.get(order.order_id))]
    seen = f"{count_of(len(told), 'order')}: the ERP had each before VTEX was told"
    return early, seen, len(told)


def everything_ended(evidence: Evidence) -> Judged:
    """No event waits at VTEX, and no order or command is left to work on."""
    left = [
        order.order_id
        for order in evidence.vtex_orders
        if order.events_unacknowledged or not is_settled(order)
    ]
    left += [
        f"command {row} ({answer.state})"
        for row, answer in evidence.answers.items()
        if answer.state not in _ENDED
    ]
    waiting = evidence.feed_visible + evidence.feed_in_flight
    if waiting and not left:
        left = [f"{count_of(waiting, 'event')} in the feed"]
    answers = len(evidence.answers)
    seen = (
        f"every event is acknowledged, each of {count_of(answers, 'command')} of the ERP is done "
        "or refused, and nothing is left to do"
    )
    return left, seen, len(evidence.vtex_orders) + answers


def one_bad_thing_stops_nothing(evidence: Evidence) -> Judged:
    """Every order without trouble was handled, whatever trouble others had.

    One that the store cancelled needs no handling.
    """
    plain = [order for order in evidence.vtex_orders if order.trouble == PLAIN]
    stopped = [
        order.order_id
        for order in plain
        if order.handling_at is None and order.status not in CANCELLED
    ]
    troubled = len(evidence.vtex_orders) - len(plain)
    others = count_of(troubled, "troubled one")
    seen = f"{count_of(len(plain), 'plain order')} got through beside {others}"
    return stopped, seen, min(len(plain), troubled)


def nothing_personal_leaks(evidence: Evidence) -> Judged:
    """No log, and nothing that was ever put into the broker, has personal data in it."""
    leaks = list(evidence.leaks)
    if not (evidence.searched and evidence.people):
        leaks.append("nothing was searched")
    texts = count_of(evidence.people, "text")
    seen = f"none of {texts} is in {count_of(evidence.searched, 'log')} and broker files"
    return leaks, seen, evidence.people


def verdict(name: str, violations: Iterable[str], kept: str, judged: int = 1) -> PromiseVerdict:
    """Judge a promise by what violates it; `kept` says what was seen where nothing does.

    Where nothing was `judged`, it was not tested.
    """
    broken = list(violations)
    if not broken:
        return PromiseVerdict(name, kept=True, why=kept, tested=judged > 0)
    more = f" and {len(broken) - _SHOWN} more" if len(broken) > _SHOWN else ""
    return PromiseVerdict(name, kept=False, why=f"broken by {', '.join(broken[:_SHOWN])}{more}")


def _arrived(order: VtexOrder, erp: ErpOrder | None) -> bool:
    if erp is None or erp.state == "cancelled" or order.status not in TAKEN_OVER:
        return False
    return {line.line_id for line in order.lines} <= {line.line_id for line in erp.lines}


def _too_early(order: VtexOrder, erp: ErpOrder | None) -> bool:
    return erp is None or min(order.start_handling_at) < erp.placed_at


def _same(order: VtexOrder | None, erp: ErpOrder, by_erp: Collection[str]) -> bool:
    """Compare an order of the ERP with VTEX's; one that must not be there has no equal.

    The ERP keeps an order as it was before the changes that it asked for, and has those of others.
    One that it never took, and only knows as cancelled, has no lines.
    """
    if erp.state == "cancelled" and not erp.lines:
        return order is not None and order.status in CANCELLED
    if order is None or order.trouble in UNREADABLE or not order.is_completed:
        return False
    if not knows_the_end(order, erp, by_erp):
        return False
    done = [change for change in order.changes if change.is_done]
    own = [change.value_cents for change in done if change.reason != EDIT_REASON]
    if order.value_cents != erp.value_cents + sum(own) or not adds_up(erp):
        return False
    if own:
        return {line.line_id for line in order.lines} <= {line.line_id for line in erp.lines}
    return has_the_lines(order, erp) if done else is_as_sold(order, erp)


def _is_told(edits: Sequence[frozenset[str]], changes: Sequence[tuple[int, str]]) -> bool:
    """Compare edits with what the ERP was told, by revision; several edits may be one revision."""
    revisions = {what: {number for number, told in changes if told == what} for _, what in changes}
    expected = {word for words in edits for word in words}
    return (
        all(words & revisions.keys() for words in edits)
        and revisions.keys() <= expected
        and all(len(numbers) == 1 for numbers in revisions.values())
    )


def _by_id(orders: Iterable[ErpOrder]) -> dict[str, ErpOrder]:
    return {order.order_id: order for order in orders}
