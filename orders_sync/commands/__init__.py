"""The kinds of command, a module each: pure, with no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from orders_sync.commands.cancel import CANCEL
from orders_sync.commands.change import CHANGE
from orders_sync.commands.deny import DENY
from orders_sync.commands.invoice import INVOICE
from orders_sync.commands.kind import Kind
from orders_sync.commands.note import NOTE
from orders_sync.commands.sync import SYNC
from orders_sync.commands.track import TRACK
from orders_sync.domain.steps import Step

KINDS: Final = (INVOICE, TRACK, CANCEL, CHANGE, DENY, NOTE, SYNC)

#: Each kind by its name.
NAMED: Final[Mapping[str, Kind]] = MappingProxyType({kind.name: kind for kind in KINDS})


def first_step(name: str) -> Step | None:
    """Return the first step of a kind; None where it is none, or nothing is sent."""
    return NAMED[name].step if name in NAMED else None


def noun_of(name: str) -> str:
    """Return what a command of a kind is called in a sentence; none may be so called."""
    return NAMED[name].noun if name in NAMED else "command"
