"""The steps of an order on its way in, each harmless when it is done twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from orders_sync.bootstrap import Services
from orders_sync.domain.rules import Action, Progress, Standing, judge_order
from orders_sync.domain.steps import Claim, Step, StepResult
from orders_sync.erp.base import CancelAnswer
from orders_sync.errors import AlreadySo, Unavailable
from orders_sync.inbound.tell_change import (
    FRESH_FOR,
    given_by_hand_over,
    note_changes,
    tell_change,
    told_next,
)
from orders_sync.ledger.order_rows import KeptDocument
from orders_sync.traffic.waits import ERP, wait_error
from orders_sync.vtex.translate import order as read_order
from orders_sync.vtex.translate import summary
from orders_sync.worker.calls import lane_of

#: VTEX cancels by itself what nobody decided for 30 days.
_LONGEST_WAIT = timedelta(days=30)
_FIRST_LOOK_SECONDS = 60.0
_LAST_LOOK_SECONDS = 6 * 3600.0

_NEXT_STEP = {
    Action.HAND_OVER: Step.HAND_OVER,
    Action.START_HANDLING: Step.START_HANDLING,
    Action.CANCEL_IN_ERP: Step.CANCEL_IN_ERP,
    Action.LOOK_AGAIN: Step.FETCH,
    Action.ASK: Step.CONSIDER_CANCELLATION,
}

_STANDING = {
    Action.FINISH: Standing.DONE,
    Action.IGNORE: Standing.DONE,
    Action.VOID: Standing.VOID,
    Action.LOOK_AGAIN: Standing.WAITING,
}


def fetch(claim: Claim, services: Services) -> StepResult:
    """Read the order from VTEX, keep its document, and decide what comes next."""
    vtex = services.vtex(claim.account, lane_of(claim.step))
    document = vtex.get_order(claim.order_id)
    return note_changes(claim, _judge(claim, document, now=services.clock()), services)


def _judge(claim: Claim, document: bytes, *, now: datetime) -> StepResult:
    """Return what an order that was just read needs next, by the rules.

    Raises:
        Unreadable: the document does not even show its status.
    """
    order = summary(document)
    action = judge_order(order.status, claim.progress, is_completed=order.is_completed)
    result = StepResult(
        standing=_STANDING.get(action, Standing.ACTIVE),
        next_step=_NEXT_STEP.get(action),
        progress=_progress(claim.progress, action),
        status=order.status,
        sequence=order.sequence,
        marketplace_order_id=order.marketplace_order_id,
        document=document,
        note=f"VTEX shows {order.status}: {action}"
        if order.status
        else f"VTEX shows no status: {action}",
    )
    if action is Action.LOOK_AGAIN:
        return _look_again(result, now - claim.first_seen_at)
    return result


def _progress(progress: Progress, action: Action) -> Progress:
    if action is Action.FINISH:
        return Progress.HANDLING
    if action is Action.HAND_OVER:
        return Progress.OFFERED
    return Progress.FETCHED if progress is Progress.SEEN else progress


def _look_again(result: StepResult, age: timedelta) -> StepResult:
    """Return the wait for the next read, longer each time: VTEX sends an event when it moves on."""
    if age >= _LONGEST_WAIT:
        return replace(
            result,
            standing=Standing.PARKED,
            cause="vtex.undecided",
            hint="VTEX has kept the order undecided for 30 days. Look at it in VTEX's Admin, "
            "then retry it.",
        )
    due_in = min(max(age.total_seconds() / 2, _FIRST_LOOK_SECONDS), _LAST_LOOK_SECONDS)
    return replace(result, due_in=due_in, cause="vtex.undecided")


def hand_over(claim: Claim, services: Services) -> StepResult:
    """Send the order to the ERP, which returns the same receipt however often it gets it.

    An order that waited long for its ERP is read again first: it may have been cancelled. Where it
    differs then, that is in the ledger before the ERP gets it.
    """
    rest = services.erp_rests(claim.account)
    if rest is not None:
        raise wait_error(claim.account, ERP, rest)
    kept = _document(claim, services)
    if kept is None:
        return StepResult(Standing.ACTIVE, Step.FETCH, note="its document is not kept")
    document = kept.body
    if services.clock() - kept.read_at > FRESH_FOR:
        decision = fetch(claim, services)
        if decision.next_step is not Step.HAND_OVER or decision.document is None:
            return decision
        if decision.given is not None and decision.given.revision > (claim.revision or 1):
            return decision
        document = decision.document
    order = read_order(claim.account, document)
    receipt = services.erp(claim.account).place_order(order)
    if order.reckoning.reason is not None:
        services.metrics.order_differs(claim.account, order.reckoning.reason)
    placed = StepResult(
        Standing.ACTIVE,
        Step.START_HANDLING,
        Progress.PLACED,
        erp_reference=receipt.reference,
        document=document if document is not kept.body else None,
    )
    if services.erp(claim.account).takes_changes:
        placed = replace(placed, given=given_by_hand_over(claim, order, services))
    if judge_order(order.status, Progress.PLACED) is Action.FINISH:
        finished = replace(
            placed,
            standing=Standing.DONE,
            next_step=None,
            progress=Progress.HANDLING,
            note="handling had been started in VTEX before",
        )
        return told_next(finished)
    return placed


def _document(claim: Claim, services: Services) -> KeptDocument | None:
    if claim.document is not None:
        return KeptDocument(claim.document, services.clock(), None)
    return services.ledger.orders.document(claim.account, claim.order_id)


def start_handling(claim: Claim, services: Services) -> StepResult:
    """Start handling in VTEX, since the ERP has the order.

    After a try whose outcome is unknown, or where VTEX says that the order is past that point,
    the order is read and decides.
    https://developers.vtex.com/docs/api-reference/orders-api#post-/api/oms/pvt/orders/-orderId-/start-handling
    """
    if claim.failing_since is not None:
        decision = fetch(claim, services)
        if decision.next_step is not Step.START_HANDLING:
            return decision
    try:
        services.vtex(claim.account, lane_of(claim.step)).start_handling(claim.order_id)
    except AlreadySo:
        decision = fetch(claim, services)
        if decision.next_step is Step.START_HANDLING:
            raise Unavailable(
                f"VTEX refuses to start handling {claim.order_id} and shows it as ready for it."
            ) from None
        return decision
    if claim.is_untold:
        return StepResult(Standing.ACTIVE, Step.TELL_CHANGE, Progress.HANDLING)
    return StepResult(Standing.DONE, None, Progress.HANDLING)


def cancel_in_erp(claim: Claim, services: Services) -> StepResult:
    """Cancel in the ERP an order that VTEX has cancelled or replaced.

    An ERP that asked for the cancellation itself knows.
    """
    if services.ledger.command_facts.cancelled_by(claim.account, claim.order_id) == "erp":
        return StepResult(Standing.VOID, None, note="the ERP had asked for it")
    kept = services.ledger.orders.document(claim.account, claim.order_id)
    status = summary(kept.body).status if kept else None
    erp = services.erp(claim.account)
    answer = erp.cancel_order(claim.order_id, status or "cancelled in VTEX")
    if answer is CancelAnswer.TOO_LATE:
        return StepResult(
            Standing.PARKED,
            Step.FETCH,
            cause="erp.cancelled_too_late",
            hint="VTEX cancelled the order after the ERP had begun to fulfil it. Stop the shipment "
            "or settle the return in the ERP, then retry the order.",
            note=f"the ERP answered {answer}",
        )
    return StepResult(Standing.VOID, None, note=f"the ERP answered {answer}")


STEPS: Final = {
    Step.FETCH: fetch,
    Step.HAND_OVER: hand_over,
    Step.START_HANDLING: start_handling,
    Step.TELL_CHANGE: tell_change,
    Step.CANCEL_IN_ERP: cancel_in_erp,
}
