"""The steps of commands: read the order, judge, send, keep the receipt.

The order is read before every send, so that after a call whose answer was lost its effect is
looked for before anything is repeated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final, TypeVar

from orders_sync.bootstrap import Services
from orders_sync.domain.bodies import (
    CancelBody,
    ChangeBody,
    DenyBody,
    InvoiceBody,
    NoteBody,
    TrackBody,
)
from orders_sync.domain.fulfilment import Fulfilment
from orders_sync.domain.rules import Standing
from orders_sync.domain.sending.cancel import judge_cancel, judge_deny
from orders_sync.domain.sending.change import judge_change
from orders_sync.domain.sending.intents import Intent
from orders_sync.domain.sending.invoice import judge_invoice
from orders_sync.domain.sending.tracking import Tracking, judge_early, judge_tracking
from orders_sync.domain.sending.verdicts import AlreadySo, Known, NotAllowed, Send, Wait
from orders_sync.domain.sending.vtex_codes import hint_for
from orders_sync.domain.steps import CommandClaim, CommandResult, Step
from orders_sync.errors import LeaseLost, NotFound, ParkedError, Refused, Unavailable, WaitError
from orders_sync.vtex.change_answers import PastChange
from orders_sync.vtex.client import VtexClient
from orders_sync.vtex.fulfilment import fulfilment
from orders_sync.worker.calls import lane_of

T = TypeVar("T")

_LONGEST_WAIT_SECONDS = 1800.0
_LOOK_AFTER_CANCEL_SECONDS = 2.0
_LOOK_AFTER_CHANGE_SECONDS = 3.0
_CLOCKS_DIFFER = timedelta(minutes=5)
_CHANGE_IN_PROGRESS = "SalesOrderSystem014"

#: A call ends within its total time and this.
_WIRE_MARGIN = timedelta(seconds=5)

#: Errors of a write that VTEX has not taken for certain: it was not sent, or was refused.
_NOT_TAKEN = (WaitError, Unavailable, NotFound)


def send_invoice(claim: CommandClaim, services: Services) -> CommandResult:
    """Send an invoice."""
    vtex, order = _read(claim, services)
    body = InvoiceBody.model_validate_json(claim.body)
    known = _known(claim, services)
    verdict = judge_invoice(body, order, known)
    if not isinstance(verdict, Send):
        return _settle(verdict, claim, services)
    invoice = verdict.what
    receipt = _sending(
        claim, services, verdict.intent, lambda: vtex.invoice(claim.order_id, invoice)
    )
    if isinstance(receipt, CommandResult):
        return receipt
    return _done(receipt.receipt, value_cents=invoice.value_cents)


def send_tracking(claim: CommandClaim, services: Services) -> CommandResult:
    """Send how a package travels, and what happened to it."""
    body = TrackBody.model_validate_json(claim.body)
    known = _known(claim, services)
    early = judge_early(body, known)
    if early is not None:
        return _settle(early, claim, services)
    vtex, order = _read(claim, services)
    verdict = judge_tracking(body, order, known)
    if not isinstance(verdict, Send):
        return _settle(verdict, claim, services)
    receipt = _sending(
        claim,
        services,
        verdict.intent,
        lambda: _track(vtex, verdict.what, verdict.intent, claim, services),
        is_one_call=verdict.what.data is None or verdict.what.progress is None,
    )
    return receipt if isinstance(receipt, CommandResult) else _done(receipt)


def _track(
    vtex: VtexClient, tracking: Tracking, intent: Intent, claim: CommandClaim, services: Services
) -> str | None:
    receipt, order_id, number = None, claim.order_id, tracking.invoice_number
    if tracking.data is not None:
        receipt = vtex.update_invoice(order_id, number, tracking.data).receipt
    if tracking.progress is not None:
        # VTEX puts these events in the place of those it has: late ones would undo later ones.
        _intend(claim, services, intent)
        receipt = vtex.update_tracking(order_id, number, tracking.progress).receipt
    return receipt


def send_cancel(claim: CommandClaim, services: Services) -> CommandResult:
    """Ask for a cancellation, confirm it where VTEX wants that, and follow it to its end."""
    vtex, order = _read(claim, services)
    verdict = judge_cancel(order, _known(claim, services))
    if not isinstance(verdict, Send):
        return _settle(verdict, claim, services)
    body = CancelBody.model_validate_json(claim.body)
    receipt = _sending(
        claim, services, verdict.intent, lambda: vtex.cancel_order(claim.order_id, body.reason)
    )
    if isinstance(receipt, CommandResult):
        return receipt
    # VTEX has only taken the request: the order shows when it is cancelled.
    taken = replace(verdict.intent, at=services.clock())
    services.ledger.commands.note_intent(claim, taken.to_json())
    return CommandResult(
        Standing.WAITING,
        "accepted",
        progress="sent",
        receipt=receipt.receipt,
        due_in=_LOOK_AFTER_CANCEL_SECONDS,
        cause="cancel.requested",
        reason="VTEX took the cancellation and is not done with it",
        note=f"asked while the order was {order.status}",
        keeps_intent=True,
    )


def send_deny(claim: CommandClaim, services: Services) -> CommandResult:
    """Deny a requested cancellation."""
    vtex, order = _read(claim, services)
    verdict = judge_deny(order, _known(claim, services))
    if not isinstance(verdict, Send):
        return _settle(verdict, claim, services)
    body = DenyBody.model_validate_json(claim.body)
    refused = _sending(
        claim,
        services,
        verdict.intent,
        lambda: vtex.deny_cancellation(claim.order_id, verdict.what, body.reason),
    )
    return refused if isinstance(refused, CommandResult) else _done(None)


def send_change(claim: CommandClaim, services: Services) -> CommandResult:
    """Ask for a change, unless an earlier try of it is in the order's history."""
    vtex, order = _read(claim, services)
    body = ChangeBody.model_validate_json(claim.body)
    known = _known(claim, services)
    uses_legacy = services.settings.change_api == "v1"
    # VTEX takes no idempotency key: whoever may have sent the change before looks for it first.
    if claim.version > 1 and not uses_legacy:
        for past in vtex.get_change_history(claim.order_id):
            if _is_same(past, body, claim, known):
                return _done(past.request_id, note="an earlier try had taken effect")
    verdict = judge_change(body, order, known)
    if not isinstance(verdict, Send):
        return _settle(verdict, claim, services)
    if uses_legacy:
        taken = _sending(
            claim,
            services,
            verdict.intent,
            lambda: vtex.register_change(claim.order_id, verdict.what, claim.command_id),
        )
        return taken if isinstance(taken, CommandResult) else _done(taken.receipt)
    try:
        request = _sending(
            claim,
            services,
            verdict.intent,
            lambda: vtex.create_change(claim.order_id, verdict.what),
        )
    except Refused as error:
        raise WaitError(error.message, 10) from error
    if isinstance(request, CommandResult):
        return request
    return CommandResult(
        Standing.WAITING,
        "accepted",
        next_step=Step.FOLLOW_CHANGE,
        progress="sent",
        receipt=request.request_id,
        due_in=_LOOK_AFTER_CHANGE_SECONDS,
        cause="change.running",
        reason="VTEX is working on the change",
    )


def _is_same(past: PastChange, body: ChangeBody, claim: CommandClaim, known: Known) -> bool:
    """Tell whether a change in the order's history is this one, which lost its answer."""
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
        return _done(claim.receipt)
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


def send_note(claim: CommandClaim, services: Services) -> CommandResult:
    """Add a line to the order's timeline; after a lost answer it may stand there twice."""
    body = NoteBody.model_validate_json(claim.body)
    vtex = services.vtex(claim.account, lane_of(claim.step))
    refused = _sending(
        claim,
        services,
        Intent("note", services.clock()),
        lambda: vtex.add_interaction(claim.order_id, body.source, body.message),
    )
    return refused if isinstance(refused, CommandResult) else _done(None)


def _read(claim: CommandClaim, services: Services) -> tuple[VtexClient, Fulfilment]:
    vtex = services.vtex(claim.account, lane_of(claim.step))
    return vtex, fulfilment(vtex.get_order(claim.order_id))


def _known(claim: CommandClaim, services: Services) -> Known:
    return services.ledger.command_facts.known(
        claim,
        now=services.clock(),
        visible_after=timedelta(seconds=services.settings.vtex.visible_after_seconds),
    )


def _sending(
    claim: CommandClaim,
    services: Services,
    intent: Intent,
    call: Callable[[], T],
    *,
    is_one_call: bool = True,
) -> T | CommandResult:
    """Note what is about to be sent, and send it; what VTEX refuses is final, in its words.

    Of several calls the first may have taken effect where a later one was not taken.

    Raises:
        LeaseLost: another worker has taken over; nothing was sent.
    """
    commands = services.ledger.commands
    _intend(claim, services, intent)
    try:
        return call()
    except Refused as error:
        if error.code == _CHANGE_IN_PROGRESS:
            commands.note_intent(claim, None)
            raise
        return CommandResult(
            Standing.PARKED,
            "refused",
            cause=f"vtex.{error.code}",
            reason=error.message,
            hint=hint_for(error.code, error.message, error.hint),
        )
    except LeaseLost:
        raise
    except Exception as error:
        is_taken_perhaps = not isinstance(error, _NOT_TAKEN) or not is_one_call
        # VTEX may have taken it until this moment, and shows it some seconds later.
        latest = replace(intent, at=services.clock()).to_json()
        commands.note_intent(claim, latest if is_taken_perhaps else None)
        raise


def _forget_disproved(claim: CommandClaim, services: Services) -> None:
    """Forget the last try of a command that waits, once VTEX would show it: it was not taken."""
    if claim.intent is not None:
        visible_after = timedelta(seconds=services.settings.vtex.visible_after_seconds)
        if Intent.from_json(claim.intent).at + visible_after <= services.clock():
            services.ledger.commands.note_intent(claim, None)


def _intend(claim: CommandClaim, services: Services, intent: Intent) -> None:
    now = services.clock()
    longest = timedelta(seconds=services.settings.vtex.total_seconds) + _WIRE_MARGIN
    services.ledger.commands.intend(claim, intent.to_json(), now=now, write_until=now + longest)


def _done(
    receipt: str | None, *, value_cents: int | None = None, note: str | None = None
) -> CommandResult:
    return CommandResult(
        Standing.DONE,
        "done",
        progress="done",
        receipt=receipt,
        value_cents=value_cents,
        note=note,
    )


def _settle(
    verdict: AlreadySo | Wait | NotAllowed, claim: CommandClaim, services: Services
) -> CommandResult:
    match verdict:
        case AlreadySo(note):
            return _done(None, note=note)
        case NotAllowed(cause, reason, hint):
            return CommandResult(
                Standing.PARKED, "refused", cause=cause, reason=reason, hint=hint, note=reason
            )
        case Wait():
            _forget_disproved(claim, services)
            return _wait(verdict, claim, services)


def _wait(wait: Wait, claim: CommandClaim, services: Services) -> CommandResult:
    """Look again, the more rarely the older the command; past its queue's deadline it is parked."""
    age = services.clock() - claim.waiting_since
    queue = claim.step.partition(".")[0]
    deadline = timedelta(seconds=getattr(services.settings.retry, queue).deadline_seconds)
    if age > deadline:
        raise ParkedError(
            f"Waited {age.days} days, {age.seconds // 3600} hours: {wait.reason}.",
            cause="command.waited_too_long",
            hint="See why the order does not get there, then retry or discard the command.",
        )
    slower = 0.0 if wait.is_exact else min(age.total_seconds() / 4, _LONGEST_WAIT_SECONDS)
    raise WaitError(wait.reason, max(wait.seconds, slower))


STEPS: Final = {
    Step.SEND_INVOICE: send_invoice,
    Step.SEND_TRACKING: send_tracking,
    Step.SEND_CANCEL: send_cancel,
    Step.SEND_DENY: send_deny,
    Step.SEND_CHANGE: send_change,
    Step.FOLLOW_CHANGE: follow_change,
    Step.SEND_NOTE: send_note,
}
