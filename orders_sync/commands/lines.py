"""The order of commands: which commands of an order stand in one line, and which may go. Pure.

Commands of one order form lines by what conflicts. Only the oldest unfinished command of a line may
be sent; it keeps its place whatever makes it wait. Three tables say all there is to it: `LINES`,
`PASSES` and `HOLDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from orders_sync.commands import KINDS
from orders_sync.commands.body import Body
from orders_sync.commands.invoice import InvoiceBody
from orders_sync.commands.kind import TRACKING
from orders_sync.domain.invoice_number import joined, may_be_same_number
from orders_sync.domain.rules import OPEN, Standing

#: A return waits until all of its order is invoiced, so no invoice may be behind it.
RETURNS: Final = "returns"

#: The line of each kind; a kind that is not named conflicts with nothing.
LINES: Final = {kind.name: kind.line for kind in KINDS if kind.line}


@dataclass(frozen=True, slots=True)
class Place:
    """A command of a line that is unfinished or parked, the lowest `position` first.

    `has_begun`: VTEX took it, or may have. `is_rest`: an invoice for all that is left of the order.
    `outcome` is what its caller was told: a parked one that is "refused" is decided for its caller.
    `number` is an invoice's number as VTEX has it, and `brings_number` says that a tracking has the
    package's number.
    """

    command_id: str
    kind: str
    standing: Standing
    outcome: str
    position: int
    has_begun: bool
    is_rest: bool
    brings_number: bool
    number: str | None
    asked_key: str | None
    created_at: datetime

    @property
    def is_open(self) -> bool:
        """Whether it is neither parked nor at its end."""
        return self.standing in OPEN


def line_of(kind: str, body: Body | None) -> str | None:
    """Return the name of a command's line; None where it conflicts with nothing."""
    if isinstance(body, InvoiceBody) and body.type == "Input":
        return RETURNS
    line = LINES.get(kind)
    number = body.vtex_number if body else None
    return f"{line}/{number and joined(number)}" if line == TRACKING else line


def is_rest(body: Body) -> bool:
    """Check whether a body is an invoice whose value and items are whatever is left."""
    return isinstance(body, InvoiceBody) and body.is_rest


def _has_not_begun(_: Place, older: Place) -> bool:
    return not older.has_begun


def _always(_: Place, __: Place) -> bool:
    return True


def _brings_what_is_missing(later: Place, older: Place) -> bool:
    return later.brings_number and not older.brings_number and not older.has_begun


#: Kinds of which one is never behind what has not begun: older commands may wait for just what it
#: decides.
DECIDING: Final = frozenset({"cancel", "deny"})

#: What may pass an older, open command: (the kind, the older kind, when). VTEX takes no event of a
#: package without a number, and refuses the denial of a cancellation of our own at once.
PASSES: Final[Sequence[tuple[str, str, Callable[[Place, Place], bool]]]] = (
    *((kind, older, _has_not_begun) for kind in sorted(DECIDING) for older in LINES),
    ("deny", "cancel", _always),
    ("track", "track", _brings_what_is_missing),
)


def _replaces(later: Place, parked: Place) -> bool:
    """Check whether a command is its caller's correction of a parked one."""
    same_key = parked.asked_key is not None and parked.asked_key == later.asked_key
    same_number = (
        parked.number is not None
        and later.number is not None
        and may_be_same_number(parked.number, later.number)
    )
    return later.kind == parked.kind and (same_key or same_number)


def _would_count_twice(later: Place, parked: Place) -> bool:
    """Check whether "the rest" would count in what an undecided command is about.

    What was refused is decided: its caller was told so.
    """
    return later.is_rest and parked.outcome != "refused" and not _replaces(later, parked)


#: What a parked command holds back: (the parked kind, the kind behind it, when).
HOLDS: Final[Sequence[tuple[str, str, Callable[[Place, Place], bool]]]] = (
    ("invoice", "invoice", _would_count_twice),
    ("change", "invoice", _would_count_twice),
)


def blocker(place: Place, ahead: Sequence[Place]) -> Place | None:
    """Return the command of the same line that a command has to wait for; None where it may go.

    `ahead` are the unfinished and parked commands before it.
    """
    for other in ahead:
        if other.is_open:
            if not _is_in(PASSES, place.kind, other.kind, place, other):
                return other
        elif _is_in(HOLDS, other.kind, place.kind, place, other):
            return other
    return None


def _is_in(
    table: Sequence[tuple[str, str, Callable[[Place, Place], bool]]],
    first: str,
    second: str,
    later: Place,
    older: Place,
) -> bool:
    return any(row[:2] == (first, second) and row[2](later, older) for row in table)


def blockers(line: Sequence[Place]) -> Iterator[tuple[Place, Place | None]]:
    """Yield each open command of a line with what it has to wait for.

    One that has begun has passed, and goes on: nobody may be sent between its steps.
    """
    ordered = sorted(line, key=lambda place: (place.position, place.created_at, place.command_id))
    for at, place in enumerate(ordered):
        if not place.is_open:
            continue
        begun_behind = next((p for p in ordered[at + 1 :] if p.is_open and p.has_begun), None)
        if place.has_begun:
            yield place, None
        else:
            yield place, blocker(place, ordered[:at]) or begun_behind
