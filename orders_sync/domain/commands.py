"""Commands of an ERP for VTEX, and their outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

OutcomeKind = Literal["accepted", "done", "refused", "parked"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Command:
    """Something that VTEX shall be told about an order, as it was asked for.

    Nothing is checked yet: `kind` may be none that there is, and `body`, which has to be an object,
    is text where it was not even JSON. `key` makes a repeat harmless: the same key with the same
    body is the same command.
    """

    kind: str
    order_id: str
    body: Any
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How far a command is: kept, in effect, refused for good, or waiting for a person.

    `reason` is VTEX's own words where it refused.
    """

    kind: OutcomeKind
    reason: str | None = None
    receipt: str | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Part of a listing, and the cursor from which the next part starts (None: nothing follows)."""

    rows: Sequence[T]
    cursor: str | None
