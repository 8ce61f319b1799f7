"""A wish to cancel an order, and how it looks in the order's document.

https://developers.vtex.com/docs/guides/order-canceling-improvements
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SHOPPERS_REASON = "Desisti da compra"


@dataclass(slots=True)
class CancellationRequest:
    """Who asked for the cancellation and why, and whether the seller denied it.

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
    request: CancellationRequest | None, canceled_at: str | None
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
