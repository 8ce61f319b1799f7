"""What an order that was just read needs next, as the result of the step that read it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from orders_sync.domain.rules import Action, Progress, Standing, judge_order
from orders_sync.domain.steps import Claim, Step, StepResult
from orders_sync.vtex.translate import summary

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


def verdict(claim: Claim, document: bytes, *, now: datetime) -> StepResult:
    """Judge the order's document by the rules.

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
        note=f"{order.status or 'no status'}: {action}",
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
    """Look at the order more and more rarely: VTEX tells when it moves on, unless it forgets."""
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
