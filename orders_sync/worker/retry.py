"""What happens to a step that failed: pure decisions from the error and the queue's policy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from orders_sync.errors import ParkedError, RetryableError, WaitError
from orders_sync.settings import RetryPolicy


@dataclass(frozen=True, slots=True)
class Again:
    """The step is tried again after `delay`; `counts` tells a failed try from a wait."""

    delay: timedelta
    cause: str
    reason: str
    counts: bool


@dataclass(frozen=True, slots=True)
class Park:
    """The step stops until a person decides."""

    cause: str
    reason: str
    hint: str


def backoff(policy: RetryPolicy, failures: int, jitter: float) -> float:
    """Give the seconds to wait after so many failures; `jitter` is drawn from [0, 1].

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
) -> Again | Park:
    """Say what happens after an error.

    `failures` counts this one; `failing_for` is the time since the first. An error that is not
    one of ours is a defect or a surprise: it is tried again too, and its text stays out of
    everything that is kept, because nobody knows what it quotes.
    """
    match error:
        case WaitError():
            # What waits for the same thing should not come back in the same instant.
            seconds = error.seconds * (1 + jitter / 4)
            return Again(timedelta(seconds=seconds), error.cause, error.message, counts=False)
        case ParkedError():
            return Park(error.cause, error.message, error.hint)
        case RetryableError():
            cause, reason, asked = error.cause, error.message, error.retry_after
        case _:
            kind = type(error).__name__
            cause, reason, asked = f"unexpected.{kind}", f"{kind} at {_place(error)}", None
    if failures >= policy.attempts or failing_for.total_seconds() >= policy.deadline_seconds:
        return Park(
            cause,
            f"Given up after {failures} tries: {reason}",
            "Mend what the reason names; when it works again, retry the order.",
        )
    # A peer in trouble asks for short waits; repeating it at that pace would use up the tries.
    seconds = max(backoff(policy, failures, jitter), asked or 0.0)
    return Again(timedelta(seconds=seconds), cause, reason, counts=True)


def _place(error: Exception) -> str:
    trace = error.__traceback__
    if trace is None:
        return "an unknown place"
    while trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code
    return f"{code.co_qualname}:{trace.tb_lineno}"
