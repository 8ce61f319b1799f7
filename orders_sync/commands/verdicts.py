"""The verdicts on a command, and what is known beside the order itself.

Part of that is intents: writes to VTEX whose outcome is not known yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from orders_sync.domain.fulfilment import Fulfilment, InvoiceType, Package
from orders_sync.domain.invoice_number import is_same_number, may_be_same_number

if TYPE_CHECKING:
    from orders_sync.commands.invoice import InvoiceBody
    from orders_sync.commands.track import TrackBody

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Intent:
    """What is about to be sent to VTEX; the ledger notes it before the write.

    It is open until VTEX's answer is in the ledger, or the order shows the effect. `at` is when the
    write began; once its answer is lost, when that was noticed. `number` is an invoice's number as
    VTEX has it. `content` tells what is sent from what else may be there, and only the kind's own
    judge reads it. `is_edited`: a person has changed since what is to be sent.
    """

    kind: str
    at: AwareDatetime
    number: str | None = None
    value_cents: int | None = None
    content: str | None = None
    is_edited: bool = False

    def to_json(self) -> str:
        """Return it as compact JSON."""
        return _INTENTS.dump_json(self, exclude_defaults=True).decode()

    @staticmethod
    def from_json(text: str) -> Intent:
        """Return the intent that `to_json` wrote.

        Raises:
            ValueError: the text is no intent; the error does not quote it.
        """
        try:
            return _INTENTS.validate_json(text)
        except ValidationError:
            raise ValueError("The text is not the JSON of an intent.") from None


_INTENTS: Final = TypeAdapter(Intent)


@dataclass(frozen=True, slots=True)
class Send(Generic[T]):
    """Send this, once `intent` is noted in the ledger.

    `remark` is what its caller is to know, though it takes effect.
    """

    what: T
    intent: Intent
    remark: str | None = None


@dataclass(frozen=True, slots=True)
class AlreadyInVtex:
    """Send nothing: VTEX has it."""

    note: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Send nothing yet, and count no attempt.

    `is_exact`: the wait has a known end, so it does not grow with the age of the command.
    """

    reason: str
    seconds: float = 30.0
    is_exact: bool = False


@dataclass(frozen=True, slots=True)
class NotAllowed:
    """Send nothing, ever, unless a person changes something."""

    cause: str
    reason: str
    hint: str


#: The answer of a judge.
Verdict = Send[Any] | AlreadyInVtex | Wait | NotAllowed


@dataclass(frozen=True, slots=True)
class SentInvoice:
    """An invoice that VTEX has taken, and when; `body` is None where it is erased.

    `read_body` reads it where it is asked for: with its XML it may be large.
    """

    value_cents: int
    sent_at: datetime
    type: InvoiceType = "Output"
    read_body: Callable[[], InvoiceBody | None] = lambda: None

    @property
    def body(self) -> InvoiceBody | None:
        """The body that its caller gave."""
        return self.read_body()


@dataclass(frozen=True, slots=True)
class SentTracking:
    """Tracking that VTEX has taken; `is_later`: it was asked for after the judged command."""

    body: TrackBody
    sent_at: datetime
    is_later: bool = False


@dataclass(frozen=True, slots=True)
class DoneChange:
    """A change that VTEX has made, and when it said so."""

    reason: str
    done_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the ledger knows of an order's other commands, and of this one's last try.

    VTEX shows an effect within `visible_after`. An intent is a write whose outcome is not known:
    `own_intent` is this command's from an earlier try, `intents` are those of the others.

    `sent_invoices` are what VTEX has taken of the others, by number as VTEX has it.
    `coming_invoices` are the numbers of those that are asked for and not sent yet.
    `is_changing`: a change is under way. `done_changes` are at their end, the oldest first.
    `is_cancelling`: a cancellation was asked for and not refused. `cancelled_at` is when VTEX
    last took a cancellation of any command, this one included. `sent_tracking` is what VTEX has
    taken, the oldest first, by the invoice's number as VTEX has it. `receipts` are what VTEX
    gave the other commands.
    """

    now: datetime
    visible_after: timedelta = timedelta(seconds=30)
    own_intent: Intent | None = None
    intents: Sequence[Intent] = ()
    sent_invoices: Mapping[str, SentInvoice] = field(default_factory=dict)
    coming_invoices: frozenset[str] = frozenset()
    is_changing: bool = False
    done_changes: Sequence[DoneChange] = ()
    is_cancelling: bool = False
    cancelled_at: datetime | None = None
    sent_tracking: Mapping[str, Sequence[SentTracking]] = field(default_factory=dict)
    receipts: frozenset[str] = frozenset()

    def sent_invoice(self, number: str) -> SentInvoice | None:
        """Return what VTEX has taken of another command under a number."""
        return _of_number(self.sent_invoices, number)

    def sent_tracking_of(self, number: str) -> Sequence[SentTracking]:
        """Return the tracking that VTEX has taken of an invoice, the oldest first."""
        return _of_number(self.sent_tracking, number) or ()

    def packages_of(self, order: Fulfilment, number: str) -> Sequence[Package]:
        """Return the packages that an invoice's number may name; one, unless it is unclear.

        A number without its parts set apart is another's with the same letters, unless this ledger
        sent that one: then the ERP's own spelling of it is known, and is another.
        """
        exact = order.package(number)
        if exact is not None:
            return [exact]
        return [
            package
            for package in order.packages
            if may_be_same_number(package.invoice_number, number)
            and not self._is_another(package.invoice_number, number)
        ]

    def _is_another(self, vtex_number: str, number: str) -> bool:
        sent = self.sent_invoices.get(vtex_number)
        return (
            sent is not None
            and sent.body is not None
            and not is_same_number(sent.body.number, number)
        )

    def is_coming(self, number: str) -> bool:
        """Check whether an invoice is asked for and not sent yet."""
        return any(may_be_same_number(number, other) for other in self.coming_invoices)

    def wait_until_shown(self, reason: str, *times: datetime | None) -> Wait | None:
        """Return the wait until VTEX shows what was sent at `times`; None where it does already."""
        last = max((at for at in times if at is not None), default=None)
        if last is None or self.is_past(last):
            return None
        seconds = (last + self.visible_after - self.now).total_seconds()
        return Wait(reason, seconds, is_exact=True)

    def is_past(self, at: datetime) -> bool:
        """Check whether VTEX shows by now what was sent `at`."""
        return at + self.visible_after <= self.now

    def wait_for_own(self) -> Wait | None:
        """Return the wait until VTEX shows this command's own write, if there was one."""
        own_at = self.own_intent.at if self.own_intent else None
        return self.wait_until_shown("the answer of the last try was lost", own_at)

    def open_intents(self, kind: str) -> Iterable[Intent]:
        """Yield the intents of a kind that VTEX may still have to show."""
        return (
            intent for intent in self.intents if intent.kind == kind and not self.is_past(intent.at)
        )


def _of_number(numbered: Mapping[str, T], number: str) -> T | None:
    if number in numbered:
        return numbered[number]
    same = (value for other, value in numbered.items() if is_same_number(number, other))
    return next(same, None)
