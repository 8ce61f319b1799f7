"""Send what is due to an endpoint, one event after the other, and judge each answer."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from orders_sync.domain.time import Clock
from orders_sync.ledger import Ledger
from orders_sync.ledger.deliveries import PROBED_AFTER, Attempt, DeliveryResult, EventDelivery
from orders_sync.metrics import Metrics
from orders_sync.settings_parts import EndpointSettings, RetryPolicy
from orders_sync.signing import sign
from orders_sync.webhooks.posting import EndpointAnswer, EndpointClient, NoAnswer, Resolve, resolve
from orders_sync.worker.retry import backoff

log = structlog.get_logger(__name__)

#: How long one message may lead from event to event.
_GOES_ON_FOR: Final = timedelta(seconds=5)
#: An endpoint that fails is tried at least so often, so that one that is back has its events soon.
_LONGEST_REST: Final = timedelta(minutes=5)
#: However long an endpoint asks to be left alone.
_LONGEST_ASKED: Final = timedelta(days=1)

_GONE: Final = 410
#: Statuses by which an endpoint says that it has too much to do.
_BUSY: Final = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class DeliverySender:
    """Sends deliveries; `resolve` looks up names, `owner` is this process's name in leases."""

    ledger: Ledger
    clock: Clock
    random: random.Random
    settings: EndpointSettings
    policy: RetryPolicy
    owner: str
    metrics: Metrics
    resolve: Resolve = resolve

    def run(self, endpoint_id: str, seq: int, *, may_go_on: Callable[[], bool]) -> None:
        """Send a delivery, unless it is past, and for a moment those that are due after it.

        Where one is not taken, the others wait for the dispatcher.
        """
        began = self.clock()
        delivery = self._claim(endpoint_id, seq)
        if delivery is None:
            log.debug("delivery.skipped", endpoint=endpoint_id)
            return
        with self._post(delivery) as post:
            while delivery is not None:
                went_well = self._send(delivery, post)
                if not went_well or self.clock() - began > _GOES_ON_FOR or not may_go_on():
                    return
                delivery = self._next(endpoint_id)

    def _claim(self, endpoint_id: str, seq: int) -> EventDelivery | None:
        return self.ledger.deliveries.claim(endpoint_id, seq, owner=self.owner, now=self.clock())

    def _next(self, endpoint_id: str) -> EventDelivery | None:
        taken = self.ledger.deliveries.take(
            endpoint_id, at_once=self.settings.at_once, limit=1, now=self.clock()
        )
        return self._claim(endpoint_id, taken[0]) if taken else None

    def _post(self, delivery: EventDelivery) -> EndpointClient:
        return EndpointClient(
            delivery.endpoint.url,
            seconds=self.settings.seconds,
            private_allowed=self.settings.private_addresses,
            resolve=self.resolve,
        )

    def _send(self, delivery: EventDelivery, post: EndpointClient) -> bool:
        """Send one event and keep what became of it; return whether it was taken."""
        began, endpoint = self.clock(), delivery.endpoint
        if began + timedelta(seconds=2 * self.settings.seconds) > delivery.lease_until:
            # This process was held up, and another one may have the event.
            return False
        keys = endpoint.secrets(began)
        headers = sign(delivery.event_id, delivery.body, keys, at=began)
        answer = post.send(delivery.body, headers, now=began)
        now = self.clock()
        ending = judge(
            answer,
            delivery,
            self.policy,
            off_after=timedelta(hours=self.settings.off_after_hours),
            jitter=self.random.random(),
            now=now,
        )
        attempt = Attempt(began, (now - began).total_seconds(), str(answer))
        self.ledger.deliveries.end(delivery, attempt, ending, now=now)
        self.metrics.event_sent(endpoint.id, ending.outcome)
        write = log.info if ending.is_taken else log.warning
        write(
            f"delivery.{ending.outcome}",
            endpoint=endpoint.id,
            event_id=delivery.event_id,
            answer=str(answer),
        )
        if ending.off_why is not None:
            log.error("endpoint.off", endpoint=endpoint.id, why=ending.off_why)
        return ending.is_taken


def judge(
    answer: EndpointAnswer | NoAnswer,
    delivery: EventDelivery,
    policy: RetryPolicy,
    *,
    off_after: timedelta,
    jitter: float,
    now: datetime,
) -> DeliveryResult:
    """Return how a try ends: taken, tried again, given up, or endpoint off; pure.

    `jitter` is drawn from [0, 1]. Only a status of 2xx is an event taken. An endpoint that answers
    410, or has taken nothing for `off_after` of failures, is switched off, and its events wait.
    """
    endpoint = delivery.endpoint
    status = answer.status if isinstance(answer, EndpointAnswer) else None
    if status is not None and 200 <= status < 300:
        return DeliveryResult(is_taken=True)
    if status == _GONE:
        return DeliveryResult(due_at=now, off_why="gone")
    if endpoint.failing_since is not None and now - endpoint.failing_since >= off_after:
        return DeliveryResult(due_at=now, off_why="failing")
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
        return DeliveryResult(rests_until=rests_until)
    wait = max(timedelta(seconds=backoff(policy, tries, jitter)), asked)
    return DeliveryResult(due_at=now + wait, rests_until=rests_until)


def _asked(answer: EndpointAnswer | NoAnswer) -> timedelta:
    seconds = answer.retry_after if isinstance(answer, EndpointAnswer) else None
    # A number may be larger than any span of time.
    return timedelta(seconds=min(seconds or 0.0, _LONGEST_ASKED.total_seconds()))
