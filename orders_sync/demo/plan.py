"""What a demo is asked for, and whom it tells how it goes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

Chaos = Literal["off", "mild", "wild"]
ErpName = Literal["staging", "webhook", "tryton"]


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """One demo; the same `seed` makes the same orders and the same chaos.

    One that `stays` goes on running when it was judged, to be looked around in. `erp` is the name
    of the adapter, and so of the ERP that is played.
    """

    home: Path
    orders: int
    workers: int
    chaos: Chaos
    seed: int
    flower: bool
    stays: bool = False
    erp: ErpName = "staging"


@dataclass(frozen=True, slots=True)
class DemoProgress:
    """How far a demo is.

    `taken_over` counts orders in handling at VTEX or past it, of `to_take_over`; `answered` counts
    commands that were answered, of those that were `asked` for so far.
    """

    seconds: float
    orders: int
    poured: int
    to_take_over: int
    taken_over: int
    asked: int
    answered: int
    events_waiting: int
    killed: int


class Audience(Protocol):
    """Is told how a demo goes."""

    def say(self, sentence: str) -> None:
        """Take a sentence about something that happened."""

    def show(self, progress: DemoProgress) -> None:
        """Take the present figures; this comes several times a second."""
