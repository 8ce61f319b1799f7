"""Whether each promise held through the faults: the demo's promises, and three more. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from chaos.evidence import ChaosEvidence, Parked, unended

from orders_sync.demo.promises import Verdict, judge, verdict
from orders_sync.demo.records import Evidence

#: Orders that nobody can read, or that VTEX does not know any more: a person has to see them.
_FOR_A_PERSON = frozenset({"malformed", "vanished", "incomplete"})


def judge_chaos(evidence: ChaosEvidence) -> tuple[Verdict, ...]:
    """Judge every promise."""
    more = (settled_in_time, nothing_parked, within_the_budget)
    return (
        *judge(evidence.demo),
        *(verdict(promise.__name__, *promise(evidence)) for promise in more),
    )


def settled_in_time(evidence: ChaosEvidence) -> tuple[Iterable[str], str]:
    """Once the last fault was over, all work ended within the time to settle."""
    if evidence.settled:
        return [], "all work ended after the faults had"
    demo = evidence.demo
    return unended(demo.vtex_orders, demo.asked or (), demo.answers) or ["something"], ""


def nothing_parked(evidence: ChaosEvidence) -> tuple[Iterable[str], str]:
    """Only what had to be refused, or cannot be read, waits for a person: no fault parked any."""
    wrong = [
        f"{one.kind or 'order'} of {one.order_id} ({one.cause})"
        for one in evidence.parked
        if not _has_to_be(one, evidence.demo)
    ]
    return wrong, f"{len(evidence.parked)} parked: each had to be refused or cannot be read"


def within_the_budget(evidence: ChaosEvidence) -> tuple[Iterable[str], str]:
    """VTEX counted no call beyond the account's budget."""
    over = [f"{evidence.over_budget} calls"] if evidence.over_budget else []
    return over, f"none of {evidence.calls} calls was beyond the budget"


def _has_to_be(one: Parked, evidence: Evidence) -> bool:
    if one.kind is None:
        troubles = {order.order_id: order.trouble for order in evidence.vtex_orders}
        return troubles.get(one.order_id) in _FOR_A_PERSON
    return any(
        asked.is_impossible and (asked.order_id, asked.kind) == (one.order_id, one.kind)
        for asked in evidence.asked or ()
    )
