"""The errors of calls that are put off, which are no failed tries, and of calls in an outage."""

from __future__ import annotations

from typing import Final

from orders_sync.errors import OutcomeUnknown, Unavailable, WaitError
from orders_sync.traffic.lanes import Wait, Why


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
    Why.FORBIDDEN: (CallForbidden, "VTEX does not allow it; give the key's role the resource"),
    Why.PERMITS: (ErpBusy, "as many calls are under way as ERP_CALLS_AT_ONCE allows"),
    Why.ERP_BUDGET: (ErpOverBudget, "the calls that ERP_CALLS_PER_MINUTE allows are used up"),
    Why.ERP_HOLD: (ErpOnHold, "the ERP asked for a rest"),
}


def wait_error(account: str, name: str, wait: Wait, resource: str = "") -> WaitError:
    """Return the error that says what a call of an account waits for, and for how long.

    `resource` grants the call in VTEX's License Manager.
    """
    kind, words = _ERRORS[wait.why]
    if wait.why is Why.FORBIDDEN:
        words = f"{words} {resource or 'that orders-sync doctor names'}"
    return kind(f"{account}: {name}: {words}.", wait.seconds)
