"""The errors with which a call is put off: waits, which are no failed attempts."""

from __future__ import annotations

from typing import Final

from orders_sync.errors import WaitError
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


class CallForbidden(WaitError):
    """Raised while the account's key lacks the permission for a call."""

    cause = "traffic.forbidden"


_ERRORS: Final[dict[Why, tuple[type[WaitError], str]]] = {
    Why.BUDGET: (OverBudget, "the calls of this minute are used up"),
    Why.HOLD: (OnHold, "VTEX asked for a rest"),
    Why.BREAKER: (BreakerOpen, "failed too often and is left alone for a while"),
    Why.PAUSE: (AccountPaused, "VTEX refuses the account's key and token; correct them"),
    Why.FORBIDDEN: (CallForbidden, "VTEX does not allow it; give the key's role the resource"),
}


def wait_error(account: str, name: str, wait: Wait, resource: str = "") -> WaitError:
    """Make the error that says what a call of an account waits for, and for how long.

    `resource` grants the call in VTEX's License Manager.
    """
    kind, words = _ERRORS[wait.why]
    if wait.why is Why.FORBIDDEN:
        words = f"{words} {resource or 'that orders-sync doctor names'}"
    return kind(f"{account}: {name}: {words}.", wait.seconds)
