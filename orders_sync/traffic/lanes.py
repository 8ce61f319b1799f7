"""The lanes in which calls wait for their turn, and what a call that must wait is told."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Lane(IntEnum):
    """What a call is made for; a lower number goes first."""

    CANCEL = 0
    INVOICE = 1
    CHANGE = 2
    START_HANDLING = 3
    FETCH = 4
    TRACKING = 5
    FEED = 6
    RECONCILE = 7


class Why(StrEnum):
    """What a call waits for."""

    BUDGET = "budget"
    HOLD = "hold"
    BREAKER = "breaker"
    PAUSE = "pause"
    FORBIDDEN = "forbidden"
    PERMITS = "permits"
    ERP_BUDGET = "erp_budget"
    ERP_HOLD = "erp_hold"


@dataclass(frozen=True, slots=True)
class Wait:
    """The call must not be made now; it may be asked for again after `seconds`."""

    seconds: float
    why: Why
