"""What follows from an endpoint's answer: taken, tried again, given up, or switched off; pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from orders_sync.ledger.deliveries import PROBED_AFTER, Delivery, Ending
from orders_sync.settings_parts import RetryPolicy
from orders_sync.webhooks.posting import Answer, NoAnswer
from orders_sync.worker.retry import backoff

#: An endpoint that fails is tried at least so often, so that one that is back has its events soon.
_LONGEST_REST: Final = timedelta(minutes=5)
#: However long an endpoint asks to be left alone.
_LONGEST_ASKED: Final = timedelta(days=1)

_GONE: Final = 410
#: Statuses by which an endpoint says that it has too much to do.
_BUSY: Final = frozenset({429, 503})


def judge(
    answer: Answer | NoAnswer,
    delivery: Delivery,
    policy: RetryPolicy,
    *,
    off_after: timedelta,
    jitter: float,
    now: datetime,
) -> Ending:
    """Return what comes of a try; `jitter` is drawn from [0, 1].

    Only a status of 2xx is an event taken. An endpoint that answers 410, or has taken nothing for
    `off_after` of failures, is switched off, and its events wait.
    """
    endpoint, status = delivery.endpoint, answer.status if isinstance(answer, Answer) else None
    if status is not None and 200 <= status < 300:
        return Ending(is_taken=True)
    if status == _GONE:
        return Ending(due_at=now, off_why="gone")
    if endpoint.failing_since is not None and now - endpoint.failing_since >= off_after:
        return Ending(due_at=now, off_why="failing")
    asked = _asked(answer)
    rests_until = now + asked if asked and status in _BUSY else None
    failures = endpoint.failures + 1
    if failures >= PROBED_AFTER:
        seconds = backoff(policy, failures - PROBED_AFTER + 1, jitter)
        rest = max(min(timedelta(seconds=seconds), _LONGEST_REST), asked)
        rests_until = now + rest
    tries = delivery.attempts + 1
    failing_for = now - (delivery.failing_since or now)
    if tries >= policy.attempts or failing_for.total_seconds() >= policy.deadline_seconds:
        return Ending(rests_until=rests_until)
    wait = max(timedelta(seconds=backoff(policy, tries, jitter)), asked)
    return Ending(due_at=now + wait, rests_until=rests_until)


def _asked(answer: Answer | NoAnswer) -> timedelta:
    seconds = answer.retry_after if isinstance(answer, Answer) else None
    # A number may be larger than any span of time.
    return timedelta(seconds=min(seconds or 0.0, _LONGEST_ASKED.total_seconds()))
