"""What happens to a step that failed: pure decisions from the error and the queue's policy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from orders_sync.errors import (
    ErpUnavailable,
    OutcomeUnknown,
    ParkedError,
    RetryableError,
    WaitError,
)
from orders_sync.settings_parts import RetryPolicy
from orders_sync.traffic.waits import (
    AccountPaused,
    AnswerLost,
    BreakerOpen,
    CallForbidden,
    ErpBusy,
    ErpOnHold,
    ErpOverBudget,
    OnHold,
    OverBudget,
    VtexAway,
)

#: The peer is away from everybody, so its failures are no tries of the order that met them.
_OUTAGES: Final = (ErpUnavailable, VtexAway, AnswerLost)

#: A peer that is back gets what waited for it within a minute; its breaker keeps the calls few.
_LONGEST_OUTAGE_WAIT: Final = 30.0

#: Thousands wait for these at once; each was told a time of its own, and to the letter.
_TURNS: Final = (
    OverBudget,
    OnHold,
    BreakerOpen,
    AccountPaused,
    CallForbidden,
    ErpBusy,
    ErpOverBudget,
    ErpOnHold,
)


@dataclass(frozen=True, slots=True)
class Again:
    """The step is tried again after `delay`.

    `counts` uses up one of its tries, `fails` the time until it is given up; a wait does neither.
    Waiting for a turn is so frequent that it is not `noted` in the journal.
    """

    delay: timedelta
    cause: str
    reason: str
    counts: bool = True
    fails: bool = True
    noted: bool = True


@dataclass(frozen=True, slots=True)
class Park:
    """The step stops until a person decides."""

    cause: str
    reason: str
    hint: str


def backoff(policy: RetryPolicy, failures: int, jitter: float) -> float:
    """Return the seconds to wait after so many failures; `jitter` is drawn from [0, 1].

    Full jitter spreads the tries of work that failed together.
    """
    # The exponent is bounded so that a policy of many attempts cannot overflow.
    ceiling = policy.first_seconds * policy.factor ** min(failures - 1, 64)
    return jitter * min(ceiling, policy.cap_seconds)


def decide(
    error: Exception,
    policy: RetryPolicy,
    *,
    failures: int,
    failing_for: timedelta,
    jitter: float,
    visible_after: timedelta,
) -> Again | Park:
    """Return what happens after an error.

    `failures` counts this one; `failing_for` is the time since the first. An ERP that is away, or
    VTEX in an outage, says nothing about the order, so only the deadline ends that. After a lost
    answer the order is not read before VTEX shows the effect, `visible_after` later. An error that
    is not one of ours is a defect or a surprise: it is tried again too, and its text stays out of
    everything that is kept, because nobody knows what it quotes.
    """
    failing_seconds = failing_for.total_seconds()
    counts = not isinstance(error, _OUTAGES)
    match error:
        case WaitError():
            return _wait(error, jitter)
        case ParkedError():
            return Park(error.cause, error.message, error.hint)
        case RetryableError():
            cause, reason, asked = error.cause, error.message, error.retry_after
        case _:
            kind = type(error).__name__
            cause, reason, asked = f"unexpected.{kind}", f"{kind} at {place_of(error)}", None
    if (counts and failures >= policy.attempts) or failing_seconds >= policy.deadline_seconds:
        hours = failing_seconds / 3600
        spent = f"{failures} tries" if counts else f"{hours:.0f} hours"
        return Park(
            cause,
            f"Given up after {spent}: {reason}",
            "Mend what the reason names; when it works again, retry the order.",
        )
    if counts:
        seconds = backoff(policy, failures, jitter)
    else:
        seconds = jitter * min(max(policy.first_seconds, failing_seconds), _LONGEST_OUTAGE_WAIT)
    if isinstance(error, OutcomeUnknown):
        seconds += visible_after.total_seconds()
    # A peer in trouble asks for short waits; repeating it at that pace would use up the tries.
    return Again(timedelta(seconds=max(seconds, asked or 0.0)), cause, reason, counts=counts)


def _wait(error: WaitError, jitter: float) -> Again:
    is_turn = isinstance(error, _TURNS)
    # What waits for the same thing should not come back in the same instant.
    seconds = error.seconds if is_turn else error.seconds * (1 + jitter / 4)
    return Again(
        timedelta(seconds=seconds),
        error.cause,
        error.message,
        counts=False,
        fails=False,
        noted=not is_turn,
    )


def place_of(error: Exception) -> str:
    """Return the function and line that raised an error."""
    trace = error.__traceback__
    if trace is None:
        return "an unknown place"
    while trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code
    return f"{code.co_qualname}:{trace.tb_lineno}"
