"""Who may cancel an order when, what becomes of it, and the calls about it.

https://help.vtex.com/en/tutorial/how-to-cancel-orders--tutorials_186
"""

from __future__ import annotations

from random import Random

from orders_sync.sandbox import bodies, envelopes
from orders_sync.sandbox import workflow as w
from orders_sync.sandbox.dials import Dials
from orders_sync.sandbox.oms import Oms
from orders_sync.sandbox.orders import SHOPPERS_REASON, CancelRequest, OmsOrder
from orders_sync.sandbox.wire import (
    Asked,
    CallRefused,
    Done,
    Operation,
    Response,
    accepted,
    offset_text,
    to_ticks,
)

_REQUESTED = "cancellation-requested"
#: A seller who says nothing for so long has agreed.
_PATIENCE_SECONDS = 30 * 86_400
_CANCELLABLE = w.BEFORE_HANDLING | w.SELLER_DECIDES | {_REQUESTED}
_HANDLED = w.IN_HANDLING | {"start-handling"}


class Cancelling:
    """Cancels for the shopper and for the seller, and denies for the seller."""

    def __init__(self, oms: Oms, dials: Dials, random: Random) -> None:
        self._oms = oms
        self._dials = dials
        self._random = random

    def for_shopper(
        self, order: OmsOrder, now: float, reason: str | None, *, request: bool
    ) -> bool:
        """Cancel as the shopper or the platform does; False: it is too late.

        With `request`, VTEX waits for the seller: `cancellation-requested`.
        """
        if order.status in w.ENDED or order.invoiced_cents:
            return False
        self._note(order, now, reason or SHOPPERS_REASON, by_user=True, by_seller=False)
        if request:
            self._ask_seller(order, now)
        else:
            self._cancel(order, now, now)
        return True

    def for_seller(self, order: OmsOrder, now: float, reason: str | None, *, by_user: bool) -> None:
        """Cancel, request a cancellation, or confirm one: the status decides.

        Raises:
            CallRefused: the status or an invoice forbids it.
        """
        invoiced, status = order.invoiced_cents, order.status
        returned = status == "invoiced" and order.refunded_cents == invoiced
        if not order.is_completed or (invoiced and not returned):
            raise CallRefused(envelopes.cannot_be_cancelled(order.order_id, status))
        if status not in _CANCELLABLE and not returned:
            raise CallRefused(envelopes.cannot_be_cancelled(order.order_id, status))
        shows_at = now + self._dials.cancel_visible_after_seconds
        order.linger(shows_at)
        if status != _REQUESTED:
            self._note(order, now, reason, by_user=by_user, by_seller=True)
        if status in w.SELLER_DECIDES:
            self._ask_seller(order, now)
        else:
            self._cancel(order, now, shows_at)

    def deny(self, order: OmsOrder, now: float, request_id: str, reason: str) -> None:
        """Refuse the shopper's cancellation: the order goes back to where it was.

        Known issue 1004978: a request that the seller's own call raised leaves the order stuck.

        Raises:
            CallRefused: nothing is requested, or not by this id.
        """
        request = order.open_request
        if request is None or request.id != request_id:
            message = f"Cancellation request {request_id} was not found or cannot be denied"
            raise CallRefused(envelopes.oms_error(400, "1", message))
        order.close_cancellation(reason, offset_text(to_ticks(now)))
        if request.by_seller:
            self._oms.take(order, now, w.CANCELLATION_DENY_STUCK)
        else:
            back = w.HANDLING if request.resumes in _HANDLED else w.READY
            self._oms.take(order, now, w.CANCELLATION_DENIED, back)

    def _note(
        self, order: OmsOrder, now: float, reason: str | None, *, by_user: bool, by_seller: bool
    ) -> None:
        before = order.open_request
        request = CancelRequest(
            id=f"{self._random.getrandbits(128):032x}",
            reason=reason,
            requested_at=offset_text(to_ticks(now)),
            by_user=by_user,
            by_seller=by_seller,
            resumes=before.resumes if before is not None else order.status,
        )
        order.cancellation_requests.append(request)

    def _ask_seller(self, order: OmsOrder, now: float) -> None:
        self._oms.take(order, now, *w.CANCELLATION_REQUESTED)
        patience = now + _PATIENCE_SECONDS
        self._oms.plan(order, patience, w.CANCEL)
        self._oms.plan(order, patience + self._dials.cancel_seconds, *w.CANCELED)

    def _cancel(self, order: OmsOrder, now: float, shows_at: float) -> None:
        """Cancel; nobody is told that it is done before it shows."""
        self._oms.take(order, now, w.CANCEL)
        self._oms.plan(order, shows_at + self._dials.cancel_seconds, *w.CANCELED)
        self._oms.settle(now)


class CancelOperations:
    """Cancel order, and Deny cancellation request."""

    def __init__(self, oms: Oms, cancelling: Cancelling, random: Random) -> None:
        self._oms = oms
        self._cancelling = cancelling
        self._random = random

    def table(self) -> dict[str, Operation]:
        """Name the operations as the routes do."""
        return {"cancel": self.cancel, "deny_cancellation": self.deny}

    def cancel(self, asked: Asked) -> Done:
        """Accept a cancellation; the answer does not say that the order is cancelled."""
        order = self._oms.require(asked.names["order_id"])
        data = bodies.read_object(asked.request)
        reason = bodies.optional_text(data, "reason")
        by_user = data.get("requestedByUser") is True
        self._cancelling.for_seller(order, asked.now, reason, by_user=by_user)
        answer = accepted(self._random, order.order_id, asked.now, may_lack=True)
        return Done(answer, effect=True, about=reason)

    def deny(self, asked: Asked) -> Done:
        """Deny the cancellation that the shopper asked for."""
        order = self._oms.require(asked.names["order_id"])
        data = bodies.read_object(asked.request)
        request_id = bodies.text(data, "cancellationRequestId")
        self._cancelling.deny(order, asked.now, request_id, bodies.text(data, "denyReason"))
        return Done(Response(200), effect=True)
