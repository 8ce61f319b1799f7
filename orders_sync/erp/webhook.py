"""An ERP that is an HTTP endpoint: whatever takes signed JSON and answers with a word.

Messages and replies are described in `docs/webhook-erp.md`, and signed as Standard Webhooks say.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar

from pydantic import BaseModel, ValidationError

from orders_sync.commands.body import describe_problems
from orders_sync.domain.time import Clock, utc_now
from orders_sync.erp.base import CancelAnswer, ChangeAnswer, Decision, ErpBase, Receipt, Verdict
from orders_sync.erp.foreign_words import personal_texts, without_personal
from orders_sync.erp.webhook_calls import HttpCalls, HttpReply, WebhookOptions, read_options
from orders_sync.erp.webhook_messages import (
    CancelData,
    CancelMessage,
    CancelReply,
    ChangedData,
    ChangedMessage,
    ChangedReply,
    CheckData,
    CheckMessage,
    ConsiderData,
    ConsiderMessage,
    ConsiderReply,
    ErpMessage,
    OutcomeData,
    OutcomeMessage,
    OutcomeOfCommand,
    PlaceData,
    PlaceMessage,
    PlaceReply,
    Refusal,
    Verb,
)
from orders_sync.errors import ConfigurationError, ErpRefused, ErpUnavailable, ItemUnmapped

if TYPE_CHECKING:
    from pathlib import Path

    from orders_sync.domain.commands import Command, Outcome
    from orders_sync.domain.differences import Changes
    from orders_sync.domain.order import Order
    from orders_sync.erp.base import CommandOutcome

R = TypeVar("R", bound=BaseModel)

_OUTCOMES_AT_ONCE: Final = 100
_NO_REASON: Final = "The store cannot cancel this order any more."

#: The methods of the port that an ERP may do without, by what it is asked then.
_OPTIONAL: Final = {
    "order_changed": Verb.CHANGED,
    "consider_cancellation": Verb.CONSIDER,
    "answer": Verb.OUTCOME,
    "answer_all": Verb.OUTCOME,
}
_LATER: Final = frozenset({425, 429, 503})
_CONFLICT: Final = 409
_REFUSED: Final = 422


class WebhookErp(ErpBase):
    """Posts each question to a URL, and reads the reply; see `WebhookOptions`.

    What is no reply (another status, a body that says something else, none in time) says nothing
    about what the ERP did: the message is sent again, and the ERP knows it by its order.
    """

    answers_at_once: ClassVar[int] = _OUTCOMES_AT_ONCE
    asks_mapping: ClassVar[bool] = False
    known_options: ClassVar[frozenset[str]] = frozenset(WebhookOptions.model_fields)

    def __init__(
        self,
        account: str,
        options: Mapping[str, Any],
        home: Path,
        *,
        clock: Clock = utc_now,
    ) -> None:
        super().__init__(account, options, home)
        self._clock = clock
        self._options = read_options(options)
        self._calls = HttpCalls(self._options)

    def asks_erp(self, method: str) -> bool:
        """Check whether a method of the port asks the ERP: its verb may be left out."""
        verb = _OPTIONAL.get(method)
        return super().asks_erp(method) and (verb is None or verb in self._options.verbs)

    def place_order(self, order: Order) -> Receipt:
        """Send the order, and return the reference under which the ERP keeps it.

        Raises:
            ErpUnavailable: The ERP gives no reference; it may have the order.
            ErpRefused: It refuses the order, and says why.
            ItemUnmapped: It lacks a SKU of the order.
        """
        data = PlaceData(account=self.account, order_id=order.order_id, order=order)
        message = PlaceMessage(timestamp=self._clock(), data=data)
        reply = self._ask(Verb.PLACE, message, PlaceReply, order.order_id, order=order)
        return Receipt(reply.reference)

    def order_changed(self, order: Order, what: Changes) -> ChangeAnswer:
        """Send a change; see `place_order` for what it raises."""
        data = ChangedData(account=self.account, order_id=order.order_id, order=order, changes=what)
        message = ChangedMessage(timestamp=self._clock(), data=data)
        of = (order.order_id, f"{what.revision}")
        return self._ask(Verb.CHANGED, message, ChangedReply, *of, order=order).answer

    def cancel_order(self, order_id: str, reason: str) -> CancelAnswer:
        """Send the cancellation of an order, or of one that never came.

        Raises:
            ErpUnavailable: The ERP does not say what became of it.
            ErpRefused: It refuses to answer.
        """
        data = CancelData(account=self.account, order_id=order_id, reason=reason)
        message = CancelMessage(timestamp=self._clock(), data=data)
        return self._ask(Verb.CANCEL, message, CancelReply, order_id).answer

    def consider_cancellation(self, order: Order) -> Decision:
        """Send the question, which the ERP may decide each time; see `place_order`."""
        if Verb.CONSIDER not in self._options.verbs:
            return Decision.undecided()
        data = ConsiderData(account=self.account, order_id=order.order_id, order=order)
        now = self._clock()
        message = ConsiderMessage(timestamp=now, data=data)
        of = (order.order_id, now.isoformat())
        reply = self._ask(Verb.CONSIDER, message, ConsiderReply, *of, order=order)
        reason = reply.reason if reply.answer is Verdict.DENY else None
        if reply.answer is Verdict.DENY and not (reason and reason.strip()):
            reason = _NO_REASON
        return Decision(reply.answer, reason)

    def answer(self, command: Command, outcome: Outcome) -> None:
        """Send how far one of the ERP's commands is; see `answer_all`."""
        self.answer_all([(command, outcome)])

    def answer_all(self, answers: Sequence[CommandOutcome]) -> None:
        """Send how far some of the ERP's commands are.

        Raises:
            ErpUnavailable: The ERP does not say that it knows.
            ErpRefused: It refuses one of them.
        """
        if Verb.OUTCOME not in self._options.verbs:
            return
        outcomes = tuple(
            OutcomeOfCommand(
                account=self.account,
                order_id=command.order_id,
                key=command.key,
                command=command.kind,
                outcome=outcome.kind,
                reason=outcome.reason,
                receipt=outcome.receipt,
            )
            for command, outcome in answers
        )
        data = OutcomeData(account=self.account, outcomes=outcomes)
        message = OutcomeMessage(timestamp=self._clock(), data=data)
        self._send(Verb.OUTCOME, message, data.model_dump_json())

    def check(self) -> str | None:
        """Check whether the ERP takes messages; see `Erp.check`."""
        if Verb.CHECK not in self._options.verbs:
            self._calls.require_listener(Verb.CHECK)
            return "nothing was asked, since its verbs are without check"
        now = self._clock()
        message = CheckMessage(timestamp=now, data=CheckData(account=self.account))
        reply = self._post(Verb.CHECK, message, now.isoformat())
        if not _is_well(reply):
            kind = ErpUnavailable if reply.status >= 500 else ConfigurationError
            raise kind(_no_reply(Verb.CHECK, reply.status))
        return None

    def close(self) -> None:
        """Close the connections that wait for the next call."""
        self._calls.close()

    def _ask(
        self, verb: Verb, message: ErpMessage, model: type[R], *of: str, order: Order | None = None
    ) -> R:
        """Send a message and read its reply."""
        reply = self._send(verb, message, *of, order=order)
        try:
            return model.model_validate_json(reply.body)
        except ValidationError as error:
            raise ErpUnavailable(
                f"The ERP answers {reply.status} to {verb} without a reply that can be read "
                f"({describe_problems(error)}). It may have done it, and is asked again."
            ) from None

    def _send(
        self, verb: Verb, message: ErpMessage, *of: str, order: Order | None = None
    ) -> HttpReply:
        """Send a message; return the reply of an ERP that did what it was asked."""
        reply = self._post(verb, message, *of)
        if _is_well(reply) or reply.status == _CONFLICT:
            return reply
        if reply.status == _REFUSED:
            raise _refusal(verb, reply, order)
        if reply.status in _LATER:
            raise ErpUnavailable(
                f"The ERP answers {reply.status} to {verb}: later.", reply.retry_after
            )
        raise ErpUnavailable(_no_reply(verb, reply.status))

    def _post(self, verb: Verb, message: ErpMessage, *of: str) -> HttpReply:
        message_id = _message_id(verb, self.account, *of)
        return self._calls.post(verb, message_id, message.model_dump_json(), now=self._clock())


def _message_id(*of: str) -> str:
    """Return the id of what is asked, the same whenever it is; order ids have any letter."""
    digest = hashlib.sha256("\n".join(of).encode()).hexdigest()
    return f"msg_{digest[:32]}"


def _is_well(reply: HttpReply) -> bool:
    return 200 <= reply.status < 300


def _no_reply(verb: Verb, status: int) -> str:
    """Return what a status that is no reply may mean."""
    advice = "It may have done it, and is asked again"
    if status in {401, 403}:
        advice = "It does not take the signature or the headers: compare secret and secret_headers"
    elif status in {404, 405, 410}:
        advice = f"Nothing takes {verb} there: correct url, or leave it out of verbs"
    elif status < 400:
        advice = "A redirect is not followed: set url to where it leads"
    return f"The ERP answers {status} to {verb}. {advice}."


def _refusal(verb: Verb, reply: HttpReply, order: Order | None) -> ErpRefused | ItemUnmapped:
    """Return what a refusal says, without anything that may name a person."""
    try:
        refusal = Refusal.model_validate_json(reply.body)
    except ValidationError as error:
        refusal, why = Refusal(), f"why it does not say ({describe_problems(error)})"
    else:
        why = "why it does not say"
    personal = list(personal_texts(order)) if order is not None else []
    if refusal.sku is not None and order is not None and refusal.sku in set(_skus(order)):
        return ItemUnmapped(refusal.sku)
    if refusal.reason and order is not None:
        why = without_personal(refusal.reason, personal)
    words = (refusal.code or "").replace("_", " ")
    if not words or words != without_personal(words, personal):
        return ErpRefused(f"The ERP refuses {verb}: {why}")
    cause = f"{ErpRefused.cause}.{refusal.code}"
    return ErpRefused(f"The ERP refuses {verb}: {why} ({refusal.code})", cause=cause)


def _skus(order: Order) -> Iterator[str | None]:
    """Yield every name that a line, or a component of a kit, has for its SKU."""
    for line in order.lines:
        yield from (line.sku, line.seller_sku, line.ref_id)
        for part in line.components:
            yield from (part.sku, part.seller_sku, part.ref_id)
