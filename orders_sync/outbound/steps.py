"""The steps of commands: read the order, judge, send, keep what came of it.

The order is read before every send, so that after a call whose answer was lost its effect is
looked for before anything is repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final, TypeVar

import structlog
from pydantic import ValidationError

from orders_sync.bootstrap import Services
from orders_sync.commands import KINDS, NAMED
from orders_sync.commands.body import describe_problems
from orders_sync.commands.change import ChangeBody
from orders_sync.commands.kind import Kind
from orders_sync.commands.track import Tracking
from orders_sync.commands.verdicts import (
    AlreadyInVtex,
    Intent,
    Known,
    NotAllowed,
    Send,
    Verdict,
    Wait,
)
from orders_sync.domain.fulfilment import Fulfilment
from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import CommandClaim, CommandResult, Step
from orders_sync.domain.time import since_boot
from orders_sync.errors import LeaseLost, NotFound, ParkedError, Refused, Unavailable, WaitError
from orders_sync.http_client import until
from orders_sync.vtex.change_answers import PastChange
from orders_sync.vtex.client import VtexClient
from orders_sync.vtex.fulfilment import fulfilment
from orders_sync.vtex.responses import hint_for
from orders_sync.worker.calls import lane_of

log = structlog.get_logger(__name__)

T = TypeVar("T")

_LONGEST_WAIT_SECONDS: Final = 1800.0
_CLOCKS_DIFFER: Final = timedelta(minutes=5)
_LOOK_AFTER_CANCEL_SECONDS: Final = 2.0
_LOOK_AFTER_CHANGE_SECONDS: Final = 3.0
_CHANGE_IN_PROGRESS: Final = "SalesOrderSystem014"

#: A call ends within its total time and this.
_WIRE_MARGIN: Final = timedelta(seconds=5)

#: Errors of a write that VTEX has not taken for certain: it was not sent, or was refused.
_NOT_TAKEN: Final = (WaitError, Unavailable, NotFound)


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
            earlier = _done(request_id, note="an earlier try had taken effect")
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
        return CALLS[kind.name](ApprovedCommand(claim, services, vtex, body, verdict))
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
    """Read how far a change is, until VTEX is done with it."""
    if claim.receipt is None:
        raise ParkedError(
            "The change's request id is not known.",
            cause="change.lost",
            hint="Look at the order's changes in VTEX's Admin; discard this command.",
        )
    vtex = services.vtex(claim.account, lane_of(claim.step))
    state = vtex.get_change_detail(claim.order_id, claim.receipt)
    if state.is_done:
        return _shown_later(_done(claim.receipt), services)
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
    why = f"the change is {state.status}" if state.status else "VTEX is working on the change"
    return _settle(Wait(why, 5), claim, services)


def _shown_later(result: CommandResult, services: Services) -> CommandResult:
    """Return a change's result, and where it is made, when the order shows it."""
    if result.standing is not Standing.DONE:
        return result
    return replace(result, shows_in=_visible_after(services).total_seconds())


def _settle(
    verdict: AlreadyInVtex | Wait | NotAllowed, claim: CommandClaim, services: Services
) -> CommandResult:
    match verdict:
        case AlreadyInVtex(note):
            return _done(None, note=note)
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
    """Raise the wait, the longer the older the command; past its queue's deadline it is parked."""
    age = services.clock() - claim.waiting_since
    policy = services.settings.policy_of(claim.account, claim.step.queue)
    if age > timedelta(seconds=policy.deadline_seconds):
        hours = age.seconds // 3600
        raise ParkedError(
            f"Waited {age.days} days, {hours} hours: {wait.reason}.",
            cause="command.waited_too_long",
            hint="See why the order does not get there, then retry or discard the command.",
        )
    slower = 0.0 if wait.is_exact else min(age.total_seconds() / 4, _LONGEST_WAIT_SECONDS)
    raise WaitError(wait.reason, max(wait.seconds, slower))


@dataclass(frozen=True, slots=True)
class ApprovedCommand:
    """A command that may be sent, by its judge's `verdict`; `body` is what its caller gave."""

    claim: CommandClaim
    services: Services
    vtex: VtexClient
    body: Any
    verdict: Send[Any]

    @property
    def order_id(self) -> str:
        """The order that it is about."""
        return self.claim.order_id

    def write(self, call: Callable[[], T], *, is_first: bool = True) -> T:
        """Write the intent to the ledger, and send the command.

        Where it is not the first write, the one before may have taken effect, whatever becomes of
        this one.

        Raises:
            LeaseLost: another worker has taken over; nothing was sent.
            Refused: VTEX said no.
        """
        commands, began = self.services.ledger.commands, since_boot()
        self._intend()
        try:
            # A process that stands still meanwhile is taken over, and may not write after that.
            with until(began + self.services.settings.vtex.total_seconds):
                return call()
        except LeaseLost:
            raise
        except Refused as error:
            if error.code == _CHANGE_IN_PROGRESS:
                commands.note_intent(self.claim, None)
                raise WaitError(error.message, 10) from error
            raise
        except Exception as error:
            is_taken_perhaps = not isinstance(error, _NOT_TAKEN) or not is_first
            # VTEX may have taken it until this moment, and shows it some seconds later.
            latest = replace(self.verdict.intent, at=self.services.clock()).to_json()
            commands.note_intent(self.claim, latest if is_taken_perhaps else None)
            raise

    def _intend(self) -> None:
        now = self.services.clock()
        longest = timedelta(seconds=self.services.settings.vtex.total_seconds) + _WIRE_MARGIN
        text, until = self.verdict.intent.to_json(), now + longest
        self.services.ledger.commands.intend(self.claim, text, now=now, write_until=until)


def _done(
    receipt: str | None,
    *,
    value_cents: int | None = None,
    reason: str | None = None,
    note: str | None = None,
) -> CommandResult:
    """Return the end of a command that took effect; `reason` is what its caller is to know."""
    return CommandResult(
        Standing.DONE,
        "done",
        progress="done",
        receipt=receipt,
        value_cents=value_cents,
        reason=reason,
        note=note,
    )


def _invoice(command: ApprovedCommand) -> CommandResult:
    """Send an invoice; of one that VTEX has, what it lacks of its tracking."""
    invoice = command.verdict.what
    if isinstance(invoice, Tracking):
        # Nothing was invoiced by it, which tells it from an invoice, and from one that was there.
        return replace(_track(command), value_cents=0)
    answer = command.write(lambda: command.vtex.invoice(command.order_id, invoice))
    if command.verdict.remark:
        command.services.metrics.invoice_left_cents(command.claim.account)
        log.warning("invoice.cents_left", order_id=command.order_id)
    return _done(answer.receipt, value_cents=invoice.value_cents, reason=command.verdict.remark)


def _track(command: ApprovedCommand) -> CommandResult:
    """Send how a package travels, and then what happened to it.

    VTEX puts these events in the place of those it has: late ones would undo later ones.
    """
    vtex, order_id, tracking = command.vtex, command.order_id, command.verdict.what
    number, receipt = tracking.invoice_number, None
    if (parcel := tracking.parcel) is not None:
        receipt = command.write(lambda: vtex.update_invoice(order_id, number, parcel)).receipt
    if (progress := tracking.progress) is not None:
        answer = command.write(
            lambda: vtex.update_tracking(order_id, number, progress), is_first=parcel is None
        )
        receipt = answer.receipt
    return _done(receipt)


def _cancel(command: ApprovedCommand) -> CommandResult:
    """Request a cancellation, or confirm it; the order shows when it is cancelled."""
    claim, services = command.claim, command.services
    answer = command.write(lambda: command.vtex.cancel_order(command.order_id, command.body))
    taken = replace(command.verdict.intent, at=services.clock())
    services.ledger.commands.note_intent(claim, taken.to_json())
    return CommandResult(
        Standing.WAITING,
        "accepted",
        progress="sent",
        receipt=answer.receipt,
        due_in=_LOOK_AFTER_CANCEL_SECONDS,
        cause="cancel.requested",
        reason="VTEX took the cancellation and is not done with it",
        note=f"asked for the {command.verdict.intent.content}",
        keeps_intent=True,
    )


def _deny(command: ApprovedCommand) -> CommandResult:
    denial, request_id = command.body, command.verdict.what
    command.write(lambda: command.vtex.deny_cancellation(command.order_id, request_id, denial))
    return _done(None)


def _change(command: ApprovedCommand) -> CommandResult:
    vtex, order_id, change = command.vtex, command.order_id, command.verdict.what
    if command.services.settings.change_api == "v1":
        command_id = command.claim.command_id
        return _done(
            command.write(lambda: vtex.register_change(order_id, change, command_id)).receipt
        )
    request = command.write(lambda: vtex.create_change(order_id, change))
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


def _note(command: ApprovedCommand) -> CommandResult:
    note = command.verdict.what
    command.write(lambda: command.vtex.add_interaction(command.order_id, note))
    return _done(None)


#: By the name of the kind.
CALLS: Final[Mapping[str, Callable[[ApprovedCommand], CommandResult]]] = MappingProxyType(
    {
        "invoice": _invoice,
        "track": _track,
        "cancel": _cancel,
        "deny": _deny,
        "change": _change,
        "note": _note,
    }
)


STEPS: Final = {
    **{kind.step: send for kind in KINDS if kind.step},
    Step.FOLLOW_CHANGE: follow_change,
}
