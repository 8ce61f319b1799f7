"""One order of the sandbox: what it is, where it stands, and what it looks like from outside."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from orders_sync.sandbox.documents import Document
from orders_sync.sandbox.timestamps import offset_text, to_ticks
from orders_sync.sandbox.wire import to_json
from orders_sync.sandbox.workflow import READY_FOR_HANDLING, Trouble

#: VTEX's clocks tell its steps apart, even where ours does not.
_STEP_TICKS = 10_000

_DESCRIPTIONS = {
    READY_FOR_HANDLING: "Pronto para o manuseio",
    "handling": "Preparando Entrega",
    "invoiced": "Faturado",
    "canceled": "Cancelado",
}


@dataclass(slots=True)
class Order:
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
    _body: bytes | None = None

    @property
    def order_id(self) -> str:
        """The order's id in the account."""
        return self.document.ids.order_id

    @property
    def vanished(self) -> bool:
        """Whether VTEX knows the order only in its feed."""
        return self.trouble is Trouble.VANISHED

    def stamp(self, now: float) -> int:
        """Date the order's next change, in ticks, later than the one before."""
        self.last_change_ticks = max(to_ticks(now), self.last_change_ticks + _STEP_TICKS)
        return self.last_change_ticks

    def enter(self, status: str | None, now: float) -> None:
        """Move the order to a status."""
        self.status = status
        self.history.append((now, status))
        self._body = None

    def status_at(self, moment: float) -> str | None:
        """Say in which status the order was."""
        return next((status for at, status in reversed(self.history) if at <= moment), None)

    def body(self) -> bytes:
        """Write the whole document; it is kept until the status changes."""
        if self._body is None:
            state = to_json(self._state())
            self._body = b"%b,%b}" % (state[:-1], self.document.fields)
        return self._body

    def _state(self) -> dict[str, Any]:
        """List the members of the document that change with the status."""
        canceled = self.status == "canceled"
        changed = offset_text(self.last_change_ticks)
        return {
            "status": self.status,
            "statusDescription": _DESCRIPTIONS.get(self.status or "", ""),
            "workflowIsInError": False,
            "lastChange": changed,
            "lastMessage": None,
            "isCompleted": self.is_completed,
            "allowCancellation": self.status in {READY_FOR_HANDLING, "handling"},
            "allowEdition": self.status == "handling",
            "authorizedDate": changed if self.ready_at is not None else None,
            "invoicedDate": None,
            "cancelReason": "Desisti da compra" if canceled else None,
            "cancellationData": _cancellation(changed) if canceled else None,
            "packageAttachment": {"packages": []},
        }


def _cancellation(at: str) -> dict[str, Any]:
    return {
        "RequestedByUser": True,
        "RequestedBySystem": False,
        "RequestedBySellerNotification": False,
        "RequestedByPaymentNotification": False,
        "Reason": "Desisti da compra",
        "CancellationDate": at,
    }


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
