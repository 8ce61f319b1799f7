"""Sends what is due to an endpoint, one event after the other."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from orders_sync.domain.time import Clock
from orders_sync.ledger import Ledger
from orders_sync.ledger.deliveries import Attempt, Delivery
from orders_sync.metrics import Metrics
from orders_sync.settings_parts import EndpointSettings, RetryPolicy
from orders_sync.signing import sign
from orders_sync.webhooks.addresses import resolve
from orders_sync.webhooks.posting import Post, Resolve
from orders_sync.webhooks.verdict import judge

log = structlog.get_logger(__name__)

#: How long one message may lead from event to event.
_GOES_ON_FOR: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Sending:
    """What sending uses; `resolve` looks up names, `owner` is this process's name in leases."""

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

        Where one was not taken the others wait for the dispatcher, which knows whose turn it is.
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

    def _claim(self, endpoint_id: str, seq: int) -> Delivery | None:
        return self.ledger.deliveries.claim(endpoint_id, seq, owner=self.owner, now=self.clock())

    def _next(self, endpoint_id: str) -> Delivery | None:
        taken = self.ledger.deliveries.take(
            endpoint_id, at_once=self.settings.at_once, limit=1, now=self.clock()
        )
        return self._claim(endpoint_id, taken[0]) if taken else None

    def _post(self, delivery: Delivery) -> Post:
        return Post(
            delivery.endpoint.url,
            seconds=self.settings.seconds,
            private_allowed=self.settings.private_addresses,
            resolve=self.resolve,
        )

    def _send(self, delivery: Delivery, post: Post) -> bool:
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
        say = log.info if ending.is_taken else log.warning
        say(
            f"delivery.{ending.outcome}",
            endpoint=endpoint.id,
            event_id=delivery.event_id,
            answer=str(answer),
        )
        if ending.off_why is not None:
            log.error("endpoint.off", endpoint=endpoint.id, why=ending.off_why)
        return ending.is_taken
