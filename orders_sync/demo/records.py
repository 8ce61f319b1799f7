"""What was seen of a demo from outside: by the sandbox, in the ERP's tables, in the logs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from orders_sync.sandbox.editing import EDIT_REASON

#: By which words of `erp_order_changes` an ERP is told of what is edited.
_WORDS: Final[Mapping[str, frozenset[str]]] = {
    "items": frozenset({"line", "value"}),
    "address": frozenset({"delivery address"}),
    "carrier": frozenset({"carrier"}),
    "window": frozenset({"delivery window"}),
    "authorization": frozenset({"payment authorization"}),
}

#: The trouble of an order that has none.
PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class SoldLine:
    """One line of an order, as VTEX sold it or as the ERP has it, with its services."""

    line_id: str
    sku: str
    quantity: int
    total_cents: int
    tax_cents: int = 0
    service_cents: int = 0


@dataclass(frozen=True, slots=True)
class ParcelEvent:
    """Something that happened to a parcel; `date` is a day in ISO 8601."""

    description: str
    city: str
    state: str
    date: str


@dataclass(frozen=True, slots=True)
class VtexPackage:
    """One invoice, of a sale or of a return, and the tracking of its parcel."""

    number: str
    is_return: bool
    value_cents: int
    refund_cents: int = 0
    tracking_number: str | None = None
    events: tuple[ParcelEvent, ...] = ()
    is_delivered: bool = False


@dataclass(frozen=True, slots=True)
class VtexChange:
    """A change of an order; `value_cents` is what it added to the order's value."""

    reason: str
    is_done: bool
    value_cents: int


@dataclass(frozen=True, slots=True)
class SeenCall:
    """A call about an order, as VTEX saw it: when (seconds since the epoch), and with what effect.

    `about` names what took effect: see `orders_sync.sandbox.views`.
    """

    at: float
    name: str
    has_effect: bool
    about: str | None = None


@dataclass(frozen=True, slots=True)
class VtexOrder:
    """What the sandbox says about one order at the end; times are seconds since the epoch.

    `trouble` is what is odd about it. `start_handling_effects` counts how often start handling took
    effect through the API, and `start_handling_at` has the times of it that are still known.
    `invoiced_at` and `tracked_at` are when the first invoice and the first tracking took effect,
    and `doubled` names what took effect twice. `calls` are the latest about it, oldest first.
    `freight_cents` and `other_cents` are what was sold beside the lines. `edits` names what a
    person changed in VTEX's Admin.
    """

    order_id: str
    trouble: str
    status: str | None
    is_completed: bool
    value_cents: int
    lines: tuple[SoldLine, ...]
    ready_at: float | None
    handling_at: float | None
    start_handling_effects: int
    start_handling_at: tuple[float, ...]
    events_unacknowledged: int
    packages: tuple[VtexPackage, ...] = ()
    changes: tuple[VtexChange, ...] = ()
    cancel_requests: int = 0
    notes: tuple[str, ...] = ()
    invoiced_at: float | None = None
    tracked_at: float | None = None
    doubled: tuple[str, ...] = ()
    calls: tuple[SeenCall, ...] = ()
    freight_cents: int = 0
    other_cents: int = 0
    edits: tuple[str, ...] = ()

    @property
    def edits_are_made(self) -> bool:
        """Whether a change of the items that a person asked for is made."""
        made = [change.is_done for change in self.changes if change.reason == EDIT_REASON]
        return all(made)

    def edited_parts(self) -> tuple[frozenset[str], ...]:
        """Return the words by which an ERP is told of each edit: one of them at least."""
        return tuple(_WORDS[part] for part in self.edits)

    def package(self, number: str | None) -> VtexPackage | None:
        """Find an invoice by its number."""
        return next((package for package in self.packages if package.number == number), None)


@dataclass(frozen=True, slots=True)
class ErpOrder:
    """What the ERP's tables say about one order; `placed_at` is in seconds since the epoch.

    The five from `freight_cents` on are the columns of the reckoning: see
    `docs/staging-tables.md`. `changes` are the rows of `erp_order_changes`: revision, and what.
    """

    order_id: str
    state: str
    value_cents: int
    lines: tuple[SoldLine, ...]
    placed_at: float
    freight_cents: int = 0
    beside_cents: int = 0
    changes_cents: int = 0
    other_cents: int = 0
    difference_cents: int = 0
    changes: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class AskedCommand:
    """One thing that VTEX was to know about an order, as whoever asked for it remembers it.

    `row` is its number in `erp_commands`, None where another service asked. `number` is the
    invoice's, `words` the reason of a cancellation or a change, or the text of a note.
    `is_impossible` where it has to be refused. `is_superseded` where a later command takes its
    place, and `is_rival` where either it or another takes effect. `value_cents` is what an invoice
    has to be of, where that is known.
    """

    order_id: str
    kind: str
    number: str | None = None
    is_return: bool = False
    tracking_number: str | None = None
    events: tuple[ParcelEvent, ...] = ()
    is_delivered: bool = False
    words: str | None = None
    is_impossible: bool = False
    is_superseded: bool = False
    is_rival: bool = False
    value_cents: int | None = None
    row: int | None = None

    @property
    def has_to_last(self) -> bool:
        """Whether VTEX has to show its effect at the end."""
        return not (self.is_impossible or self.is_superseded or self.is_rival)


@dataclass(frozen=True, slots=True)
class CommandAnswer:
    """What the row of a command says in return; its state is the one of `erp_commands`."""

    state: str
    words: str | None


@dataclass(frozen=True, slots=True)
class HookPosts:
    """What VTEX posted to a hook: taken, not taken (and posted again), and never posted at all."""

    taken: int = 0
    refused: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that the promises are judged by.

    `asked` is what the ERP and the other service asked for, None where nobody was there to ask, and
    `answers` what `erp_commands` says in return, by row. `leaks` names the files, under the home
    folder, in which personal data was found; `searched` says in how many it was looked for, and
    `people` for how many texts. `hook` is what the hook was told, where there was one.
    """

    vtex_orders: tuple[VtexOrder, ...]
    erp_orders: tuple[ErpOrder, ...]
    feed_visible: int
    feed_in_flight: int
    leaks: tuple[str, ...]
    searched: int
    people: int
    asked: tuple[AskedCommand, ...] | None = None
    answers: Mapping[int, CommandAnswer] = field(default_factory=dict)
    hook: HookPosts = field(default_factory=HookPosts)

    @property
    def wanted(self) -> tuple[AskedCommand, ...]:
        """What was asked for and has to last."""
        return tuple(asked for asked in self.asked or () if asked.has_to_last)
