"""The calls that tell VTEX of a command, a row for each kind, and what each leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final, TypeVar

import structlog

from orders_sync.bootstrap import Services
from orders_sync.commands.intents import Intent
from orders_sync.commands.track import Tracking
from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import CommandClaim, CommandResult, Step
from orders_sync.errors import LeaseLost, NotFound, Refused, Unavailable, WaitError
from orders_sync.vtex.client import VtexClient

log = structlog.get_logger(__name__)

T = TypeVar("T")

_LOOK_AFTER_CANCEL_SECONDS: Final = 2.0
_LOOK_AFTER_CHANGE_SECONDS: Final = 3.0
_CHANGE_IN_PROGRESS: Final = "SalesOrderSystem014"

#: A call ends within its total time and this.
_WIRE_MARGIN: Final = timedelta(seconds=5)

#: Errors of a write that VTEX has not taken for certain: it was not sent, or was refused.
_NOT_TAKEN: Final = (WaitError, Unavailable, NotFound)


@dataclass(frozen=True, slots=True)
class Sending:
    """A command that may be sent: `what` is its judge's, and `intent` is noted before each write.

    `body` is what its caller gave, `remark` what that is to know though it takes effect.
    """

    claim: CommandClaim
    services: Services
    vtex: VtexClient
    body: Any
    what: Any
    intent: Intent
    remark: str | None = None

    @property
    def order_id(self) -> str:
        """The order that it is about."""
        return self.claim.order_id

    def write(self, call: Callable[[], T], *, is_first: bool = True) -> T:
        """Note what is about to be sent, and send it.

        Where it is not the first write, the one before may have taken effect, whatever becomes of
        this one.

        Raises:
            LeaseLost: another worker has taken over; nothing was sent.
            Refused: VTEX said no.
        """
        commands = self.services.ledger.commands
        self._intend()
        try:
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
            latest = replace(self.intent, at=self.services.clock()).to_json()
            commands.note_intent(self.claim, latest if is_taken_perhaps else None)
            raise

    def _intend(self) -> None:
        now = self.services.clock()
        longest = timedelta(seconds=self.services.settings.vtex.total_seconds) + _WIRE_MARGIN
        text, until = self.intent.to_json(), now + longest
        self.services.ledger.commands.intend(self.claim, text, now=now, write_until=until)


def done(
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


def _invoice(sending: Sending) -> CommandResult:
    """Send an invoice; of one that VTEX has, what it lacks of its tracking."""
    invoice = sending.what
    if isinstance(invoice, Tracking):
        # Nothing was invoiced by it, which tells it from an invoice, and from one that was there.
        return replace(_track(sending), value_cents=0)
    answer = sending.write(lambda: sending.vtex.invoice(sending.order_id, invoice))
    if sending.remark:
        sending.services.metrics.invoice_left_cents(sending.claim.account)
        log.warning("invoice.cents_left", order_id=sending.order_id)
    return done(answer.receipt, value_cents=invoice.value_cents, reason=sending.remark)


def _track(sending: Sending) -> CommandResult:
    """Tell how a package travels, and then what happened to it.

    VTEX puts these events in the place of those it has: late ones would undo later ones.
    """
    vtex, order_id, tracking = sending.vtex, sending.order_id, sending.what
    number, receipt = tracking.invoice_number, None
    if (parcel := tracking.parcel) is not None:
        receipt = sending.write(lambda: vtex.update_invoice(order_id, number, parcel)).receipt
    if (progress := tracking.progress) is not None:
        answer = sending.write(
            lambda: vtex.update_tracking(order_id, number, progress), is_first=parcel is None
        )
        receipt = answer.receipt
    return done(receipt)


def _cancel(sending: Sending) -> CommandResult:
    """Ask for a cancellation, or confirm it; the order shows when it is cancelled."""
    claim, services = sending.claim, sending.services
    answer = sending.write(lambda: sending.vtex.cancel_order(sending.order_id, sending.body))
    taken = replace(sending.intent, at=services.clock())
    services.ledger.commands.note_intent(claim, taken.to_json())
    return CommandResult(
        Standing.WAITING,
        "accepted",
        progress="sent",
        receipt=answer.receipt,
        due_in=_LOOK_AFTER_CANCEL_SECONDS,
        cause="cancel.requested",
        reason="VTEX took the cancellation and is not done with it",
        note=f"asked for the {sending.intent.content}",
        keeps_intent=True,
    )


def _deny(sending: Sending) -> CommandResult:
    denial, request_id = sending.body, sending.what
    sending.write(lambda: sending.vtex.deny_cancellation(sending.order_id, request_id, denial))
    return done(None)


def _change(sending: Sending) -> CommandResult:
    vtex, order_id, change = sending.vtex, sending.order_id, sending.what
    if sending.services.settings.change_api == "v1":
        command_id = sending.claim.command_id
        return done(
            sending.write(lambda: vtex.register_change(order_id, change, command_id)).receipt
        )
    request = sending.write(lambda: vtex.create_change(order_id, change))
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


def _note(sending: Sending) -> CommandResult:
    note = sending.what
    sending.write(lambda: sending.vtex.add_interaction(sending.order_id, note))
    return done(None)


#: By the name of the kind.
CALLS: Final[Mapping[str, Callable[[Sending], CommandResult]]] = MappingProxyType(
    {
        "invoice": _invoice,
        "track": _track,
        "cancel": _cancel,
        "deny": _deny,
        "change": _change,
        "note": _note,
    }
)
