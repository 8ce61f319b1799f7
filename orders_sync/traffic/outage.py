"""The errors of calls that failed while a breaker took VTEX to be away.

They say nothing about the order that met them: like an ERP that is away, they use up no tries.
"""

from __future__ import annotations

from orders_sync.errors import OutcomeUnknown, Unavailable


class VtexAway(Unavailable):
    """Raised when VTEX did not take the call, as it takes nobody's now."""


class AnswerLost(OutcomeUnknown):
    """Raised when a write's answer was lost, as everybody's are now; read before you repeat it."""


def during_outage(error: Unavailable | OutcomeUnknown) -> VtexAway | AnswerLost:
    """Make the error that says the same of a call during an outage."""
    kind = VtexAway if isinstance(error, Unavailable) else AnswerLost
    return kind(error.message, error.retry_after)
