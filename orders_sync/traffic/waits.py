"""What a call waits for: its turn in a lane, a closed gate, and the errors that say so. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Final

from orders_sync.errors import OutcomeUnknown, Unavailable, WaitError

#: The name of an account's ERP among the groups of calls.
ERP: Final = "erp"


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
class Delay:
    """The call must not be made now; it may be asked for again after `seconds`."""

    seconds: float
    why: Why


@dataclass(frozen=True, slots=True)
class Gates:
    """When the calls of an account may be made; times are seconds from when it was read.

    `per_second` is the present pace of its calls to VTEX, and `erp_permits` how many more calls to
    its ERP may begin beside the `erp_calls` that are there. `erp_per_second` is the ERP's own pace,
    and `erp_held` when its next call may be made. `held` is how long VTEX may not be called,
    `pause` when the next probe of an account that VTEX refuses may be made, None where it is not
    paused. `probes` are the times of the next trials or probes of single operations, where their
    breaker is open or VTEX forbids them.
    """

    per_second: float = math.inf
    erp_permits: int = 1
    erp_calls: int = 0
    erp_per_second: float = math.inf
    erp_held: float = 0.0
    held: float = 0.0
    pause: float | None = None
    probes: Mapping[str, float] = field(default_factory=dict)

    def closed_for(self, operations: Collection[str]) -> float:
        """Return the seconds until work that makes these calls may be tried; 0.0 is at once.

        `operations` are names as `Traffic.call` takes them, or `ERP`.
        """
        held = self.held if any(name != ERP for name in operations) else 0.0
        erp_held = self.erp_held if ERP in operations else 0.0
        return max(held, erp_held, *self._probes_of(operations), 0.0)

    def probing(self, operations: Collection[str]) -> bool:
        """Check whether just one piece of work that makes these calls is due, as a probe."""
        return any(True for _ in self._probes_of(operations)) and not self.closed_for(operations)

    def _probes_of(self, operations: Collection[str]) -> Iterator[float]:
        if self.pause is not None and any(name != ERP for name in operations):
            yield self.pause
        yield from (self.probes[name] for name in operations if name in self.probes)


class OverBudget(WaitError):
    """Raised when the account's calls are used up for now."""

    cause = "traffic.budget"


class OnHold(WaitError):
    """Raised while nobody may call the account, because VTEX asked for it."""

    cause = "traffic.hold"


class BreakerOpen(WaitError):
    """Raised while a peer that failed is left alone."""

    cause = "traffic.breaker"


class AccountPaused(WaitError):
    """Raised while VTEX refuses the account's credentials."""

    cause = "traffic.paused"


class KeyReplaced(WaitError):
    """Raised where VTEX refused a key that was replaced while the call was under way."""

    cause = "traffic.key_replaced"


class CallForbidden(WaitError):
    """Raised while the account's key lacks the permission for a call."""

    cause = "traffic.forbidden"


class ErpBusy(WaitError):
    """Raised while as many calls of the account are at its ERP as may be."""

    cause = "traffic.erp_busy"


class ErpOverBudget(WaitError):
    """Raised when as many calls of the account's ERP were made as may be in a minute."""

    cause = "traffic.erp_budget"


class ErpOnHold(WaitError):
    """Raised while nobody may call the account's ERP, because it asked for that."""

    cause = "traffic.erp_hold"


class VtexAway(Unavailable):
    """Raised when VTEX did not take the call, as it takes nobody's, or none of this process."""


class AnswerLost(OutcomeUnknown):
    """Raised when a write's answer was lost, as others are; read before you repeat it."""


def during_outage(error: Unavailable | OutcomeUnknown) -> VtexAway | AnswerLost:
    """Return the error of a call that failed during an outage.

    It says nothing about the order that met it: like an ERP that is away, it uses up no try.
    """
    kind = VtexAway if isinstance(error, Unavailable) else AnswerLost
    return kind(error.message, error.retry_after)


_ERRORS: Final[dict[Why, tuple[type[WaitError], str]]] = {
    Why.BUDGET: (OverBudget, "the calls of this minute are used up"),
    Why.HOLD: (OnHold, "VTEX asked for a rest"),
    Why.BREAKER: (BreakerOpen, "failed too often and is left alone for a while"),
    Why.PAUSE: (AccountPaused, "VTEX refuses the account's key and token; correct them"),
    Why.FORBIDDEN: (
        CallForbidden,
        "VTEX does not allow it; give the key's role the resource {resource}",
    ),
    Why.PERMITS: (ErpBusy, "as many calls are under way as ERP_CALLS_AT_ONCE allows"),
    Why.ERP_BUDGET: (ErpOverBudget, "the calls that ERP_CALLS_PER_MINUTE allows are used up"),
    Why.ERP_HOLD: (ErpOnHold, "the ERP asked for a rest"),
}


def wait_error(account: str, name: str, wait: Delay, resource: str = "") -> WaitError:
    """Return the error that says what a call of an account waits for, and for how long.

    `resource` grants the call in VTEX's License Manager.
    """
    kind, words = _ERRORS[wait.why]
    words = words.format(resource=resource or "that orders-sync doctor names")
    return kind(f"{account}: {name}: {words}.", wait.seconds)
