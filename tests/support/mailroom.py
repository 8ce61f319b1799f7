"""Endpoints of a ledger, and what sends to them, without a worker or a broker."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

from orders_sync.domain.announcements import Announcement, EventType
from orders_sync.ledger import Ledger
from orders_sync.ledger.endpoints import Endpoint
from orders_sync.ledger.journal import Act
from orders_sync.ledger.outbox_log import Sent
from orders_sync.ledger.processes import Worker
from orders_sync.metrics import Metrics
from orders_sync.settings_parts import EndpointSettings, RetryPolicy
from orders_sync.signing import new_secret
from orders_sync.testing.clock import SettableClock
from orders_sync.webhooks.posting import Resolve
from orders_sync.webhooks.sending import DeliverySender
from orders_sync.worker.dispatcher import DeliveryDispatcher, DeliveryMessage

STORE = "mystore"
ORDER = "1172452900788-01"
POLICY = RetryPolicy(first_seconds=5, cap_seconds=3600, attempts=200, deadline_seconds=3 * 86_400)


class Mailroom:
    """Endpoints of a ledger and what sends to them; messages wait in a list in place of a broker.

    Jitter draws the longest waits.
    """

    def __init__(self, ledger: Ledger, clock: SettableClock) -> None:
        self.ledger = ledger
        self.clock = clock
        self.settings = EndpointSettings(private_addresses=True, seconds=1)
        self.resolve: Resolve = lambda host, _: [host]
        self.queue: list[DeliveryMessage] = []
        self.threads = 20
        self.policy = POLICY
        self.metrics = Metrics()

    @property
    def act(self) -> Act:
        return Act(self.clock(), "me")

    def add(
        self, url: str, *events: str, accounts: Sequence[str] = (), secret: str | None = None
    ) -> Endpoint:
        endpoint = Endpoint(
            id=f"ep_{len(self.ledger.endpoints.all())}",
            url=url,
            events=frozenset(events) or None,
            accounts=frozenset(accounts) or None,
            secret=secret or new_secret(),
            created_at=self.clock(),
        )
        self.ledger.endpoints.add(endpoint, self.act)
        return endpoint

    def tell(
        self,
        event_type: EventType = EventType.ORDER_PARKED,
        order_id: str = ORDER,
        *,
        account: str = STORE,
        mark: str = "",
    ) -> str:
        announcement = Announcement(event_type, self.clock(), account, mark=mark, order_id=order_id)
        with self.ledger.database.writing() as connection:
            self.ledger.database.outbox.write(connection, [announcement])
        return announcement.id

    @property
    def sending(self) -> DeliverySender:
        class Longest(random.Random):
            def random(self) -> float:
                return 1.0

        return DeliverySender(
            self.ledger,
            self.clock,
            Longest(),
            self.settings,
            self.policy,
            "me",
            self.metrics,
            self.resolve,
        )

    def dispatch(self) -> list[DeliveryMessage]:
        dispatcher = DeliveryDispatcher(
            self.ledger, self.clock, self.queue.extend, dict, self.settings.at_once
        )
        dispatcher.tick([_worker(self.threads, self.clock())])
        messages, self.queue = self.queue, []
        return messages

    def send(self, message: DeliveryMessage, *, may_go_on: bool = False) -> None:
        self.sending.run(message.endpoint, message.delivery, may_go_on=lambda: may_go_on)

    def drain(self) -> None:
        """Dispatch and send until nothing is due."""
        while messages := self.dispatch():
            for message in messages:
                self.send(message, may_go_on=True)

    def settle(self, hours: float, *, step: float = 60) -> None:
        """Advance the time, and send what is due."""
        until = self.clock() + timedelta(hours=hours)
        while self.clock() < until:
            self.drain()
            self.clock.advance(step)

    def sent(self, endpoint: Endpoint) -> Sequence[Sent]:
        """The events of an endpoint, the oldest first."""
        return list(reversed(self.ledger.outbox_log.sent_to(endpoint.id, limit=10_000)))

    def answers(self, endpoint: Endpoint) -> list[str]:
        """Return what was answered to each try, by event."""
        return [one.answer for sent in self.sent(endpoint) for one in sent.attempts]

    def states(self, endpoint: Endpoint) -> list[str]:
        return [sent.state for sent in self.sent(endpoint)]

    def endpoint(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint as it is now."""
        found = self.ledger.endpoints.find(endpoint.id)
        assert found is not None
        return found


def _worker(threads: int, now: datetime) -> Worker:
    return Worker("me", "me@here", frozenset({"events"}), threads, now)
