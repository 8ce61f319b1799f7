"""The steps of commands: read the order, judge, send, keep what came of it.

The order is read before every send, so that after a call whose answer was lost its effect is
looked for before anything is repeated.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from pydantic import ValidationError

from orders_sync.bootstrap import Services
from orders_sync.commands import KINDS, NAMED
from orders_sync.commands.body import describe_problems
from orders_sync.commands.change import ChangeBody
from orders_sync.commands.intents import Intent
from orders_sync.commands.kind import Kind
from orders_sync.commands.refusals import hint_for
from orders_sync.commands.verdicts import AlreadySo, Known, NotAllowed, Send, Verdict, Wait
from orders_sync.domain.fulfilment import Fulfilment
from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import CommandClaim, CommandResult, Step
from orders_sync.errors import ParkedError, Refused, WaitError
from orders_sync.outbound.calls import CALLS, Sending, done
from orders_sync.vtex.change_answers import PastChange
from orders_sync.vtex.client import VtexClient
from orders_sync.vtex.fulfilment import fulfilment
from orders_sync.worker.calls import lane_of

_LONGEST_WAIT_SECONDS: Final = 1800.0
_CLOCKS_DIFFER: Final = timedelta(minutes=5)


def send(claim: CommandClaim, services: Services) -> CommandResult:
    """Send a command, unless its judge says otherwise; what VTEX refuses is final, in its words."""
    kind = NAMED[claim.kind]
    body = _body(kind, claim)
    known = services.ledger.command_facts.known(
        claim, now=services.clock(), visible_after=_visible_after(services)
    )
    vtex = services.vtex(claim.account, lane_of(claim.step))
    if isinstance(body, ChangeBody) and services.settings.change_api != "v1":
        request_id = _earlier_change(body, claim, known, vtex)
        if request_id is not None:
            earlier = done(request_id, note="an earlier try had taken effect")
            return _shown_later(earlier, services)
    verdict, order = kind.judge_early(body, known), None
    if verdict is None:
        order = _read(claim, vtex)
        verdict = kind.judge(body, order, known)
    result = _carry_out(verdict, kind, body, claim, services, vtex)
    if isinstance(body, ChangeBody):
        result = _shown_later(result, services)
    return result if order is None else replace(result, order_status=order.status)


def _carry_out(
    verdict: Verdict,
    kind: Kind,
    body: Any,
    claim: CommandClaim,
    services: Services,
    vtex: VtexClient,
) -> CommandResult:
    if not isinstance(verdict, Send):
        return _settle(verdict, claim, services)
    try:
        return CALLS[kind.name](
            Sending(claim, services, vtex, body, verdict.what, verdict.intent, verdict.remark)
        )
    except Refused as error:
        return CommandResult(
            Standing.PARKED,
            "refused",
            cause=f"vtex.{error.code}",
            reason=error.message,
            hint=hint_for(error.code, error.message, error.hint),
        )


def _body(kind: Kind, claim: CommandClaim) -> Any:
    """Return what the caller gave, which laxer rules may have taken.

    Raises:
        ParkedError: today's rules do not take it.
    """
    try:
        return kind.body.model_validate_json(claim.body)
    except ValidationError as error:
        raise ParkedError(
            describe_problems(error),
            cause="command.invalid",
            hint=f"Correct it: orders-sync parked edit {claim.command_id}",
        ) from None


def _read(claim: CommandClaim, vtex: VtexClient) -> Fulfilment:
    return fulfilment(vtex.get_order(claim.order_id))


def _earlier_change(
    body: ChangeBody, claim: CommandClaim, known: Known, vtex: VtexClient
) -> str | None:
    """Return the request id of an earlier try that took effect: VTEX takes no idempotency key."""
    if claim.version == 1:
        return None
    history = vtex.get_change_history(claim.order_id)
    return next((past.request_id for past in history if _is_same(past, body, claim, known)), None)


def _is_same(past: PastChange, body: ChangeBody, claim: CommandClaim, known: Known) -> bool:
    """Check whether a change in the order's history is this one, which lost its answer."""
    own = known.own_intent
    if own is not None and own.is_edited:
        return False
    since = (own.at if own is not None else claim.created_at) - _CLOCKS_DIFFER
    return (
        past.request_id not in known.receipts
        and (past.date is None or past.date > since)
        and (past.reason, past.manual_discount_cents, past.manual_increment_cents)
        == (body.reason, body.manual_discount_cents, body.manual_increment_cents)
    )


def follow_change(claim: CommandClaim, services: Services) -> CommandResult:
    """Look how far a change is, until VTEX is done with it."""
    if claim.receipt is None:
        raise ParkedError(
            "The change's request id is not known.",
            cause="change.lost",
            hint="Look at the order's changes in VTEX's Admin; discard this command.",
        )
    vtex = services.vtex(claim.account, lane_of(claim.step))
    state = vtex.get_change_detail(claim.order_id, claim.receipt)
    if state.is_done:
        return _shown_later(done(claim.receipt), services)
    if state.is_finished:
        why = state.cancel_reason or "it gave no reason"
        return CommandResult(
            Standing.PARKED,
            "refused",
            progress="ended",
            cause="change.cancelled_by_vtex",
            reason=f"VTEX cancelled the change: {why}",
            hint=hint_for(
                "", why, "Correct the change (orders-sync parked edit): it is sent as a new one."
            ),
        )
    return _settle(Wait(f"the change is {state.status or 'running'}", 5), claim, services)


def _shown_later(result: CommandResult, services: Services) -> CommandResult:
    """Return a change's result, and where it is made, when the order shows it."""
    if result.standing is not Standing.DONE:
        return result
    return replace(result, shows_in=_visible_after(services).total_seconds())


def _settle(
    verdict: AlreadySo | Wait | NotAllowed, claim: CommandClaim, services: Services
) -> CommandResult:
    match verdict:
        case AlreadySo(note):
            return done(None, note=note)
        case NotAllowed(cause, reason, hint):
            return CommandResult(
                Standing.PARKED, "refused", cause=cause, reason=reason, hint=hint, note=reason
            )
        case Wait():
            _forget_disproved(claim, services)
            return _wait(verdict, claim, services)


def _forget_disproved(claim: CommandClaim, services: Services) -> None:
    """Forget the last try of a command that waits, once VTEX would show it: it was not taken."""
    if claim.intent is None:
        return
    if Intent.from_json(claim.intent).at + _visible_after(services) <= services.clock():
        services.ledger.commands.note_intent(claim, None)


def _visible_after(services: Services) -> timedelta:
    return timedelta(seconds=services.settings.vtex.visible_after_seconds)


def _wait(wait: Wait, claim: CommandClaim, services: Services) -> CommandResult:
    """Look again, the more rarely the older the command; past its queue's deadline it is parked."""
    age = services.clock() - claim.waiting_since
    policy = services.settings.policy_of(claim.account, claim.step.queue)
    if age > timedelta(seconds=policy.deadline_seconds):
        raise ParkedError(
            f"Waited {age.days} days, {age.seconds // 3600} hours: {wait.reason}.",
            cause="command.waited_too_long",
            hint="See why the order does not get there, then retry or discard the command.",
        )
    slower = 0.0 if wait.is_exact else min(age.total_seconds() / 4, _LONGEST_WAIT_SECONDS)
    raise WaitError(wait.reason, max(wait.seconds, slower))


STEPS: Final = {
    **{kind.step: send for kind in KINDS if kind.step},
    Step.FOLLOW_CHANGE: follow_change,
}
