"""A change of an order, and how order modifications (v2) tell of it.

https://developers.vtex.com/docs/guides/order-modifications
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

#: Members of an incoming item that VTEX shows and does not fill.
_UNFILLED: Final = (
    "productId",
    "productRefId",
    "refId",
    "ean",
    "skuName",
    "modalType",
    "parentItemIndex",
    "parentAssemblyBinding",
    "priceValidUntil",
    "listPrice",
    "manualPrice",
    "manualPriceAppliedBy",
    "preSaleDate",
    "productCategoryIds",
    "seller",
    "availability",
    "manufacturerCode",
    "priceDefinition",
)
_EMPTY: Final = (
    "assemblies",
    "sellerChain",
    "components",
    "bundleItems",
    "attachments",
    "attachmentOfferings",
    "offerings",
    "priceTags",
)

ChangeStatus = Literal["preparing", "done", "canceling", "canceled"]


@dataclass(frozen=True, slots=True)
class ItemDelta:
    """An item that is added or removed; `price_cents` None takes the catalogue's."""

    sku: str
    quantity: int
    unique_id: str | None = None
    price_cents: int | None = None
    unit: str | None = None
    unit_multiplier: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Write it as the change's own JSON does."""
        return {
            "id": self.sku,
            "uniqueId": self.unique_id or "",
            "quantity": self.quantity,
            "price": self.price_cents,
            "measurementUnit": self.unit or "un",
            "unitMultiplier": self.unit_multiplier or 1.0,
            "sellingPrice": self.price_cents,
            "name": None,
            "detailUrl": None,
            "imageUrl": None,
        }


@dataclass(frozen=True, slots=True)
class Replacement:
    """Items that make room for others."""

    outgoing: tuple[ItemDelta, ...]
    incoming: tuple[ItemDelta, ...]


@dataclass(frozen=True, slots=True)
class ChangeTerms:
    """What a change asks for; the manual values are in cents and come on top."""

    reason: str
    add: tuple[ItemDelta, ...] = ()
    remove: tuple[ItemDelta, ...] = ()
    replace: tuple[Replacement, ...] = ()
    discount_cents: int = 0
    increment_cents: int = 0

    @property
    def outgoing(self) -> tuple[ItemDelta, ...]:
        """All items that go."""
        return self.remove + tuple(
            item for replacement in self.replace for item in replacement.outgoing
        )

    @property
    def incoming(self) -> tuple[ItemDelta, ...]:
        """All items that come."""
        return self.add + tuple(
            item for replacement in self.replace for item in replacement.incoming
        )

    @property
    def is_empty(self) -> bool:
        """Whether nothing would change."""
        return not (self.outgoing or self.incoming or self.discount_cents != self.increment_cents)


@dataclass(slots=True)
class OrderChange:
    """One request to change an order; `version` is that of the API that asked for it."""

    request_id: str
    workflow_id: str
    version: Literal[1, 2]
    terms: ChangeTerms
    asked_at: str
    status: ChangeStatus = "preparing"
    value_cents: int = 0
    totals: list[dict[str, Any]] = field(default_factory=list)
    logs: list[dict[str, Any]] = field(default_factory=list)
    cancel_reason: str | None = None
    is_stuck: bool = False
    receipt: dict[str, Any] = field(default_factory=dict)

    @property
    def in_progress(self) -> bool:
        """Whether it is not decided yet."""
        return self.status in {"preparing", "canceling"}

    def log(self, at: str, message: str) -> None:
        """Record what happened to it."""
        self.logs.append({"date": at, "message": message})


def change_json(change: OrderChange, account: str, order_id: str) -> dict[str, Any]:
    """Write a change as the answer to its creation and the history have it."""
    terms = change.terms
    return {
        "requestId": change.request_id,
        "workflowId": change.workflow_id,
        "reason": terms.reason,
        "manualDiscountValue": terms.discount_cents,
        "manualIncrementValue": terms.increment_cents,
        "totalChangeValue": change.value_cents,
        "totals": change.totals,
        "add": _incoming(terms.add) if terms.add else None,
        "remove": _side(terms.remove) if terms.remove else None,
        "replace": [
            {"from": _side(pair.outgoing), "to": _incoming(pair.incoming)} for pair in terms.replace
        ],
        "date": change.asked_at,
        "origin": {"account": account, "orderId": order_id, "component": "MarketplaceComponent"},
        "settings": {"customPaymentSystemsAllowed": []},
    }


def detail_json(change: OrderChange, account: str, order_id: str) -> dict[str, Any]:
    """Write a change as its own page has it; both words for `finished` are in VTEX's guides."""
    cancelled = {"reason": change.cancel_reason} if change.cancel_reason else None
    return {
        **change_json(change, account, order_id),
        "status": change.status,
        "inProgress": change.in_progress,
        "finished": not change.in_progress,
        "logs": change.logs,
        "cancellationData": cancelled,
    }


def _side(items: tuple[ItemDelta, ...]) -> dict[str, Any]:
    return {
        "items": [item.to_dict() for item in items],
        "paymentData": {"transactions": []},
        "shippingData": {"logisticsInfo": []},
    }


def _incoming(items: tuple[ItemDelta, ...]) -> dict[str, Any]:
    unfilled: dict[str, Any] = {
        **dict.fromkeys(_UNFILLED),
        **{name: [] for name in _EMPTY},
        "additionalInfo": {},
        "productCategories": {},
        "tax": 0,
        "rewardValue": 0,
        "isGift": False,
    }
    return {
        **_side(items),
        "items": [{**unfilled, **item.to_dict()} for item in items],
        "receiptData": None,
    }
