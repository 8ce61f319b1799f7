"""Whether each promise held through the faults: the demo's promises, and more. Pure.

Commands of an order have to take effect in the order in which they were accepted. The ERP's rows
are accepted in the order of their numbers; what other services send comes in any.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from chaos.evidence import ChaosEvidence, Parked, p99, unended
from chaos.plan import LIMITED

from orders_sync.demo.promises import PromiseVerdict, judge, verdict
from orders_sync.demo.records import AskedCommand, Evidence, VtexOrder
from orders_sync.demo.settled import is_in_effect
from orders_sync.errors import NotFound

#: Orders that nobody can read, or that VTEX does not know any more: a person has to see them.
_FOR_A_PERSON: Final = frozenset({"malformed", "vanished", "incomplete"})

#: The promise is twice; a run on a busy machine has few samples, and its quiet phase is short.
_MOST_TIMES_LONGER: Final = 4.0
_MOST_SECONDS_LONGER: Final = 5.0
_MOST_MESSAGES_A_THREAD: Final = 10.0

#: What VTEX calls that which a kind of command does to an order's goods.
_CALLS = {"invoice": "invoice", "change": "create_change", "cancel": "cancel"}

#: An order that was invoiced takes none of these.
_TOO_LATE = frozenset({"cancel", "create_change"})


def judge_chaos(evidence: ChaosEvidence) -> tuple[PromiseVerdict, ...]:
    """Judge every promise."""
    more = (
        settled_in_time,
        nothing_parked,
        within_the_budget,
        commands_in_line,
        fair_to_neighbours,
        broker_stays_short,
        prefetch_stays,
    )
    return (
        *_judge_accounts(evidence),
        *(verdict(promise.__name__, *promise(evidence)) for promise in more),
    )


def settled_in_time(evidence: ChaosEvidence) -> tuple[Iterable[str], str]:
    """Once the last fault was over, all work ended within the time to settle."""
    if evidence.settled:
        return [], "all work ended after the faults had"
    left = [
        f"{account.name} {order_id}"
        for account in evidence.accounts
        for order_id in unended(
            account.facts.vtex_orders, account.facts.asked or (), account.facts.answers
        )
    ]
    return left or ["something"], ""


def nothing_parked(evidence: ChaosEvidence) -> tuple[Iterable[str], str]:
    """Only what had to be refused, or cannot be read, waits for a person: no fault parked any."""
    facts = {account.name: account.facts for account in evidence.accounts}
    wrong = [
        f"{one.kind or 'order'} of {one.order_id} ({one.cause})"
        for one in evidence.parked
        if one.account not in facts or not _has_to_be(one, facts[one.account])
    ]
    return wrong, f"{len(evidence.parked)} parked: each had to be refused or cannot be read"


def within_the_budget(evidence: ChaosEvidence) -> tuple[Iterable[str], str]:
    """VTEX counted no call beyond an account's budget, where we were told the right one."""
    told = [account for account in evidence.accounts if account.name != LIMITED]
    over = [f"{a.over_budget} calls of {a.name}" for a in told if a.over_budget]
    calls = sum(account.calls for account in told)
    refused = [f"{a.over_budget} of {a.calls}" for a in evidence.accounts if a.name == LIMITED]
    wrongly_told = f", and {refused[0]} where we were told too much" if refused else ""
    return over, f"none of {calls} calls was beyond the budget{wrongly_told}"


def commands_in_line(evidence: ChaosEvidence) -> tuple[Iterable[str], str]:
    """Commands of one order took effect in the order in which they were accepted."""
    wrong = [problem for account in evidence.accounts for problem in out_of_line(account.facts)]
    asked = sum(len(account.facts.asked or ()) for account in evidence.accounts)
    return wrong, f"{asked} commands: of each order in the order in which they were accepted"


def fair_to_neighbours(evidence: ChaosEvidence) -> tuple[Iterable[str], str]:
    """An account beside trouble waits hardly longer than it does alone."""
    alone, beside = evidence.alone, evidence.beside
    pairs = {
        "orders placed": (p99(alone.placed), p99(beside.placed)),
        "commands sent": (p99(alone.sent), p99(beside.sent)),
    }
    told = {
        what: f"{what} after {after:.1f} s beside trouble, {before:.1f} s alone "
        f"(p99, {after / before if before else 0:.1f} times)"
        for what, (before, after) in pairs.items()
    }
    unfair = [told[what] for what, (before, after) in pairs.items() if not _is_fair(before, after)]
    return unfair, "; ".join(told.values())


def broker_stays_short(evidence: ChaosEvidence) -> tuple[Iterable[str], str]:
    """Whatever waited, the broker never had more than some messages for each thread."""
    told = f"at most {evidence.messages_a_thread:.1f} messages a thread waited in the broker"
    return [told] if evidence.messages_a_thread > _MOST_MESSAGES_A_THREAD else [], told


def prefetch_stays(evidence: ChaosEvidence) -> tuple[Iterable[str], str]:
    """Each worker may have as many messages in hand at the end as at the start."""
    before, after = evidence.prefetch_at_start, evidence.prefetch
    wrong = [
        f"{name} ({after[name]}, {before[name]} at the start)"
        for name in sorted(after.keys() & before.keys())
        if after[name] != before[name]
    ]
    if not after.keys() & before.keys():
        wrong = ["no worker answers"]
    return wrong, f"{len(after)} workers have {sorted(set(after.values()))} at the start and end"


def _judge_accounts(evidence: ChaosEvidence) -> Iterable[PromiseVerdict]:
    """Judge the demo's promises for every account; what is broken in any is broken."""
    judged = {account.name: judge(account.facts) for account in evidence.accounts}
    for verdicts in zip(*judged.values(), strict=True):
        broken = [
            f"{name}: {found.why}"
            for name, found in zip(judged, verdicts, strict=True)
            if not found.kept
        ]
        first, others = verdicts[0], len(judged) - 1
        kept = f"{first.why}; and so in {others} other accounts" if others else first.why
        yield PromiseVerdict(first.name, kept=not broken, why="; ".join(broken) or kept)


def _is_fair(before: float, after: float) -> bool:
    return after <= max(before * _MOST_TIMES_LONGER, before + _MOST_SECONDS_LONGER)


def _has_to_be(one: Parked, facts: Evidence) -> bool:
    if one.kind is None:
        troubles = {order.order_id: order.trouble for order in facts.vtex_orders}
        if one.order_id not in troubles:  # A poisoned event's.
            return one.cause == NotFound.cause
        return troubles[one.order_id] in _FOR_A_PERSON
    return any(
        (asked.is_impossible or asked.is_rival)
        and (asked.order_id, asked.kind) == (one.order_id, one.kind)
        for asked in facts.asked or ()
    )


def out_of_line(evidence: Evidence) -> Iterator[str]:
    """Return the orders of which VTEX's own record shows that commands were not kept in line."""
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
