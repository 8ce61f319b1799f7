"""One order of the sandbox: what it is, where it stands, and what it looks like from outside."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from orders_sync.sandbox.changes import OrderChange
from orders_sync.sandbox.documents import Document
from orders_sync.sandbox.invoices import Invoice, package_json
from orders_sync.sandbox.wire import offset_text, to_json, to_ticks
from orders_sync.sandbox.workflow import (
    BEFORE_HANDLING,
    READY_FOR_HANDLING,
    SELLER_DECIDES,
    Trouble,
)

SHOPPERS_REASON = "Desisti da compra"

#: VTEX's clocks tell its steps apart, even where ours does not.
_STEP_TICKS = 10_000
_CANCELLABLE = BEFORE_HANDLING | SELLER_DECIDES | {"cancellation-requested"}

_DESCRIPTIONS = {
    READY_FOR_HANDLING: "Pronto para o manuseio",
    "handling": "Preparando Entrega",
    "invoice": "Verificando Fatura",
    "cancellation-requested": "Cancelamento Solicitado",
    "invoiced": "Faturado",
    "canceled": "Cancelado",
}


@dataclass(slots=True)
class CancelRequest:
    """Who asked for a cancellation and why, and whether the seller denied it.

    https://developers.vtex.com/docs/guides/order-canceling-improvements

    `by_seller` says that the seller's own call asked; `resumes` is the status to go back to.
    """

    id: str
    reason: str | None
    requested_at: str
    by_user: bool
    by_seller: bool
    resumes: str | None
    denied_reason: str | None = None
    denied_at: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Write it as an element of `cancellationRequests`."""
        return {
            "id": self.id,
            "reason": self.reason,
            "cancellationRequestDate": self.requested_at,
            "requestedByUser": self.by_user,
            "deniedBySeller": self.denied_at is not None,
            "deniedBySellerReason": self.denied_reason,
            "cancellationRequestDenyDate": self.denied_at,
        }


def cancellation_json(
    request: CancelRequest | None, canceled_at: str | None
) -> dict[str, Any] | None:
    """Write `cancellationData` as Get order has it: in Pascal case."""
    if request is None:
        return None
    return {
        "RequestedByUser": request.by_user,
        "RequestedBySystem": False,
        "RequestedBySellerNotification": request.by_seller,
        "RequestedByPaymentNotification": False,
        "Reason": request.reason,
        "CancellationDate": canceled_at,
        "CancellationRequestId": request.id,
    }


@dataclass(slots=True)
class OmsOrder:
    """An order and its status; `history` is when it entered which status."""

    document: Document
    trouble: Trouble
    created_at: float
    is_completed: bool
    status: str | None = None
    last_states: dict[str, str | None] = field(default_factory=dict)
    last_change_ticks: int = 0
    history: list[tuple[float, str | None]] = field(default_factory=list)
    epoch: int = 0
    ready_at: float | None = None
    handling_at: float | None = None
    start_handling_effects: int = 0
    events_emitted: int = 0
    events_committed: int = 0
    invoices: list[Invoice] = field(default_factory=list)
    cancellation_requests: list[CancelRequest] = field(default_factory=list)
    cancel_effects: int = 0
    changes: list[OrderChange] = field(default_factory=list)
    original: Document | None = None
    interactions: list[tuple[str, str]] = field(default_factory=list)
    edits: list[str] = field(default_factory=list)
    payment_notifications: int = 0
    _body: bytes | None = None
    _former: bytes = b""
    _former_until: float = 0.0
    _packages: list[dict[str, Any]] = field(default_factory=list)

    @property
    def order_id(self) -> str:
        """The order's id in the account."""
        return self.document.ids.order_id

    @property
    def vanished(self) -> bool:
        """Whether VTEX knows the order only in its feed."""
        return self.trouble is Trouble.VANISHED

    @property
    def invoiced_cents(self) -> int:
        """What was invoiced, whether it shows already or not."""
        return sum(invoice.value_cents for invoice in self.invoices if invoice.type == "Output")

    @property
    def shown_cents(self) -> int:
        """What was invoiced and shows in the document."""
        shown = (
            invoice for invoice in self.invoices if invoice.type == "Output" and invoice.is_shown
        )
        return sum(invoice.value_cents for invoice in shown)

    @property
    def refunded_cents(self) -> int:
        """What returns paid back."""
        return sum(invoice.refund_cents for invoice in self.invoices)

    @property
    def open_request(self) -> CancelRequest | None:
        """The cancellation request that waits for the seller."""
        last = self.cancellation_requests[-1] if self.cancellation_requests else None
        return last if last is not None and self.status == "cancellation-requested" else None

    def invoice(self, number: str) -> Invoice | None:
        """Find an invoice by its number."""
        return next((invoice for invoice in self.invoices if invoice.number == number), None)

    def close_cancellation(self, reason: str, at: str) -> None:
        """Record that the seller has denied the open cancellation request."""
        request = self.open_request
        if request is not None:
            request.denied_reason, request.denied_at = reason, at
            self._body = None

    def show_packages(self) -> None:
        """Show the invoices in the document that are to show by now."""
        document = self.document
        self._packages = [
            package_json(invoice, document.placed_lines, document.value_cents)
            for invoice in self.invoices
            if invoice.is_shown
        ]
        self._body = None

    def rewrite(self, document: Document) -> None:
        """Put another document in place of the present one."""
        self.original = self.original or self.document
        self.document = document
        self.show_packages()

    def stamp(self, now: float) -> int:
        """Date the order's next change, in ticks, later than the one before."""
        self.last_change_ticks = max(to_ticks(now), self.last_change_ticks + _STEP_TICKS)
        return self.last_change_ticks

    def enter(self, status: str | None, now: float) -> None:
        """Move the order to a status."""
        self.status = status
        self.history.append((now, status))
        self._body = None
        if status == "cancel":
            self.cancel_effects += 1
            self._explain_cancel(now)

    def _explain_cancel(self, now: float) -> None:
        """Record why the order is cancelled, where nobody gave a reason."""
        last = self.cancellation_requests[-1] if self.cancellation_requests else None
        if last is None or last.denied_at is not None:
            self.cancellation_requests.append(
                CancelRequest(
                    id=f"{self.last_change_ticks:032x}",
                    reason=SHOPPERS_REASON,
                    requested_at=offset_text(to_ticks(now)),
                    by_user=True,
                    by_seller=False,
                    resumes=None,
                )
            )

    def status_at(self, moment: float) -> str | None:
        """Return the status of the order at a moment."""
        return next((status for at, status in reversed(self.history) if at <= moment), None)

    def linger(self, until: float) -> None:
        """Show the document as it is now until a moment, whatever happens to the order."""
        self._former, self._former_until = self.body(), until

    def body_at(self, now: float) -> bytes:
        """Write the document as a reader sees it, who may be shown an earlier one."""
        return self._former if now < self._former_until else self.body()

    def body(self) -> bytes:
        """Write the whole document; it is kept until something in it changes."""
        if self._body is None:
            state = to_json(self._state())
            self._body = b"%b,%b}" % (state[:-1], self.document.fields)
        return self._body

    def _state(self) -> dict[str, Any]:
        """List the members of the document that change with the status."""
        request = self.cancellation_requests[-1] if self.cancellation_requests else None
        if request is not None and request.denied_at is not None:
            request = None
        canceled = self.status == "canceled" and request is not None
        changed = offset_text(self.last_change_ticks)
        cancellable = self.status in _CANCELLABLE and not self._packages
        return {
            "status": self.status,
            "statusDescription": _DESCRIPTIONS.get(self.status or "", ""),
            "workflowIsInError": False,
            "lastChange": changed,
            "lastMessage": None,
            "isCompleted": self.is_completed,
            "allowCancellation": cancellable,
            "allowEdition": self.status == "handling",
            "authorizedDate": changed if self.ready_at is not None else None,
            "invoicedDate": self._invoiced_date(),
            "cancelReason": request.reason if canceled and request else None,
            "cancellationData": cancellation_json(request, changed if canceled else None),
            "cancellationRequests": [request.to_dict() for request in self.cancellation_requests],
            "packageAttachment": {"packages": self._packages},
        }

    def _invoiced_date(self) -> str | None:
        dates = (at for at, status in self.history if status == "invoiced")
        at = next(dates, None)
        return None if at is None else offset_text(to_ticks(at))


def spoil(document: Document, random: Random) -> Document:
    """Make a document that is JSON and not an order."""
    data = json.loads(b"{%b}" % document.fields)
    match random.randrange(5):
        case 0:
            del data["items"]
        case 1:
            data["items"] = {"0": data["items"][0]}
        case 2:
            data["value"] = "R$ 10,00"
        case 3:
            data["items"][0]["quantity"] = "dois"
        case _:
            data["items"][0]["priceDefinition"]["total"] = {"value": 1}
    return replace(document, fields=to_json(data)[1:-1])
