"""The bodies of commands: what a caller must say, checked before anything is kept.

A wrong body raises pydantic's `ValidationError`; `describe_problems` words it for a person.
Money is integer cents, times are ISO 8601 with an offset.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from orders_sync.domain.fulfilment import InvoiceType
from orders_sync.domain.invoice_number import to_vtex_number

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000)]

#: The number of an invoice, which makes its key where the caller gives none.
Number = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]

#: A file in the body; the size of the whole body bounds it.
File = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Quantity(_Body):
    """Some of one line, named by `line_id` (VTEX's uniqueId) or of one `sku`."""

    line_id: Text | None = None
    sku: Text | None = None
    quantity: PositiveInt
    price_cents: NonNegativeInt | None = None

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        if (self.line_id is None) == (self.sku is None):
            raise ValueError("give either line_id or sku")
        return self


class NewItem(_Body):
    """A SKU that a change adds."""

    sku: Text
    quantity: PositiveInt
    price_cents: NonNegativeInt | None = None


class Exchange(_Body):
    """Items that a change replaces by others."""

    from_: Annotated[tuple[Quantity, ...], Field(alias="from", min_length=1)]
    to: Annotated[tuple[NewItem, ...], Field(min_length=1)]


class InvoiceBody(_Body):
    """An invoice, of the whole order where `items` and `value_cents` are left out.

    `type` is Output for a sale and Input for a return. `value_cents` counts freight in. `number`
    may be as the ERP has it: what VTEX's routes do not survive is taken out of it on the way.
    """

    number: Number
    type: InvoiceType = "Output"
    issued_at: AwareDatetime | None = None
    value_cents: PositiveInt | None = None
    items: Annotated[tuple[Quantity, ...], Field(min_length=1)] | None = None
    access_key: Text | None = None
    url: Text | None = None
    embedded_invoice: File | None = None
    cfop: Text | None = None
    courier: Text | None = None
    tracking_number: Text | None = None
    tracking_url: Text | None = None
    dispatched_at: AwareDatetime | None = None

    @field_validator("number")
    @classmethod
    def _survives(cls, value: str) -> str:
        if not to_vtex_number(value):
            raise ValueError("a letter or a digit is needed; VTEX's routes take no others")
        return value


class TrackingEventBody(_Body):
    """Something that happened to a package."""

    city: Text
    state: Text
    description: Text
    date: AwareDatetime | date


class TrackBody(_Body):
    """Tracking of one invoice: its number and courier, or events on its way, or both.

    A digital product has no parcel: its last event's description is the download URL.
    """

    invoice_number: Number
    tracking_number: Text | None = None
    tracking_url: Text | None = None
    courier: Text | None = None
    dispatched_at: AwareDatetime | None = None
    events: tuple[TrackingEventBody, ...] = ()
    delivered: bool = False
    delivered_at: AwareDatetime | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.tracking_number is None and not self.events and not self.delivered:
            raise ValueError("give a tracking_number, events, or delivered")
        return self


class CancelBody(_Body):
    """A cancellation and its reason."""

    reason: Text


class ChangeBody(_Body):
    """A change of the order's items or price; the shopper may see the reason."""

    reason: Text
    add: tuple[NewItem, ...] = ()
    remove: tuple[Quantity, ...] = ()
    replace: tuple[Exchange, ...] = ()
    manual_discount_cents: NonNegativeInt = 0
    manual_increment_cents: NonNegativeInt = 0

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        amounts = self.manual_discount_cents or self.manual_increment_cents
        if not (self.add or self.remove or self.replace or amounts):
            raise ValueError("give add, remove, replace, a discount or an increment")
        return self


class DenyBody(_Body):
    """A refusal of a requested cancellation; the customer sees the reason."""

    reason: Text


class NoteBody(_Body):
    """A line for the order's timeline in VTEX's Admin."""

    message: Text
    source: Text = "ERP"


class SyncBody(_Body):
    """Nothing: the order is read from VTEX now."""


AnyBody = InvoiceBody | TrackBody | CancelBody | ChangeBody | DenyBody | NoteBody | SyncBody

BODIES: dict[str, type[AnyBody]] = {
    "invoice": InvoiceBody,
    "track": TrackBody,
    "cancel": CancelBody,
    "change": ChangeBody,
    "deny": DenyBody,
    "note": NoteBody,
    "sync": SyncBody,
}


def describe_problems(error: ValidationError) -> str:
    """Name each field that is wrong and what was expected, without what was sent."""
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{_path(problem)}: {_plain(problem)}" for problem in problems[:5])


def _path(problem: Any) -> str:
    return ".".join(str(part)[:100] for part in problem["loc"]) or "body"


def _plain(problem: Any) -> str:
    words: str = "is missing" if problem["type"] == "missing" else problem["msg"]
    return words.removeprefix("Value error, ")
