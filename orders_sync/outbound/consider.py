"""Answers a cancellation that a customer requested: the ERP is asked, and decides."""

from __future__ import annotations

from orders_sync.bootstrap import Services
from orders_sync.domain.commands import Command
from orders_sync.domain.rules import Progress, Standing
from orders_sync.domain.steps import Claim, Step, StepResult
from orders_sync.erp.base import Decision, Verdict
from orders_sync.outbound.accept import Desk, accept
from orders_sync.vtex.fulfilment import fulfilment
from orders_sync.vtex.translate import order as read_order

_LOOK_AFTER_DECISION_SECONDS = 60.0
_ASK_AGAIN_SECONDS = 300.0
_NO_REASON = "cancelled at the customer's request"


def consider_cancellation(claim: Claim, services: Services, desk: Desk) -> StepResult:
    """Have the ERP decide, and make a command of what it says.

    A request that a command of ours raised asks nobody. An order that the ERP never got is agreed
    to at once: nobody has begun to fulfil it. While the ERP is undecided the order waits, seen
    by all, and the ERP is asked again.
    """
    kept = services.ledger.orders.document(claim.account, claim.order_id)
    if kept is None:
        return StepResult(Standing.ACTIVE, Step.FETCH, note="its document is not kept")
    document, _ = kept
    if services.ledger.command_facts.is_cancelling(claim.account, claim.order_id):
        return _look_later("a command of ours asked for the cancellation")
    decision = Decision.agree()
    if claim.progress not in {Progress.SEEN, Progress.FETCHED}:
        erp = services.erp(claim.account)
        decision = erp.consider_cancellation(read_order(claim.account, document))
    if decision.verdict is Verdict.UNDECIDED:
        return StepResult(
            Standing.WAITING,
            Step.FETCH,
            due_in=_ASK_AGAIN_SECONDS,
            cause="vtex.cancellation_requested",
            hint="The customer asked for a cancellation and the ERP has not decided. Decide it in "
            "the ERP, with `orders-sync cancel` or `orders-sync deny`, or in VTEX's Admin.",
            note="the ERP is undecided",
        )
    request_id = fulfilment(document).cancellation_request_id or "request"
    kind = "cancel" if decision.verdict is Verdict.AGREE else "deny"
    command = Command(
        kind,
        claim.order_id,
        {"reason": decision.reason or _NO_REASON},
        f"{kind}/{claim.order_id}/{request_id}",
    )
    accept(command, account=claim.account, source="rules", desk=desk)
    return _look_later(f"the ERP decided: {decision.verdict}")


def _look_later(note: str) -> StepResult:
    return StepResult(
        Standing.WAITING,
        Step.FETCH,
        due_in=_LOOK_AFTER_DECISION_SECONDS,
        cause="vtex.cancellation_requested",
        note=note,
    )
