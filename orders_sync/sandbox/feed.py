"""The order feed of one app key: its configuration, and an SQS standard queue behind it.

https://developers.vtex.com/docs/api-reference/orders-api#post-/api/orders/feed/config
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues.html
"""

from __future__ import annotations

import heapq
import re
from base64 import urlsafe_b64encode
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Any, Final

from orders_sync.sandbox.dials import Dials
from orders_sync.sandbox.envelopes import plain, problem
from orders_sync.sandbox.oms import OmsEvent
from orders_sync.sandbox.wire import Response

_RETENTION: Final = range(345_600, 1_209_601)
_VISIBILITY: Final = range(43_201)
_STATUS_IN_EXPRESSION: Final = re.compile(r"""\bstatus\s*=\s*["']([^"']+)["']""")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events pass; `statuses` is None where every status does, `asked` as it was said."""

    asked: dict[str, Any]
    statuses: frozenset[str] | None
    single_fire: bool

    def takes(self, state: str | None) -> bool:
        """Check whether an event with this state passes the filter."""
        return self.statuses is None or state in self.statuses


@dataclass(frozen=True, slots=True)
class FeedConfig:
    """One app key's configuration."""

    filter: Filter
    visibility_seconds: int
    retention_seconds: int

    def to_dict(self) -> dict[str, Any]:
        """Write it as GET config does."""
        return {
            "filter": self.filter.asked,
            "queue": {
                "visibilityTimeoutInSeconds": self.visibility_seconds,
                "messageRetentionPeriodInSeconds": self.retention_seconds,
            },
        }


def parse_config(data: Any) -> FeedConfig | Response:
    """Read the body of POST config, or refuse it as VTEX does."""
    if not isinstance(data, dict):
        return problem(400, "Bad Request")
    queue = _parse_queue(data.get("queue"))
    if queue is None:
        return problem(400, "Bad Request")
    event_filter = parse_filter(data.get("filter") or {"type": "FromWorkflow"})
    return FeedConfig(event_filter, *queue) if isinstance(event_filter, Filter) else event_filter


def parse_filter(asked: Any) -> Filter | Response:
    """Read which events shall pass, or refuse it as VTEX does.

    Statuses are not validated, as VTEX does not. Of a JSONata expression only the comparisons
    `status = "..."` are understood; an expression without one takes every change.
    """
    if not isinstance(asked, dict):
        return problem(400, "Bad Request")
    kind = asked.get("type")
    if kind not in {"FromWorkflow", "FromOrders"}:
        return problem(400, "Bad Request")
    from_orders = kind == "FromOrders"
    foreign = {"status"} if from_orders else {"expression", "disableSingleFire"}
    if any(asked.get(name) for name in foreign):
        return plain(409, f"A filter of type {kind} cannot have: {', '.join(sorted(foreign))}")
    statuses = (
        _STATUS_IN_EXPRESSION.findall(str(asked.get("expression")))
        if from_orders
        else asked.get("status")
    )
    return Filter(
        asked=asked,
        statuses=frozenset(statuses) if statuses else None,
        single_fire=from_orders and not asked.get("disableSingleFire"),
    )


def _parse_queue(queue: Any) -> tuple[int, int] | None:
    if not isinstance(queue, dict):
        return None
    names = {name.lower(): value for name, value in queue.items()}
    visibility = names.get("visibilitytimeoutinseconds")
    retention = names.get("messageretentionperiodinseconds")
    if not (isinstance(visibility, int) and isinstance(retention, int)):
        return None
    return (
        (visibility, retention) if visibility in _VISIBILITY and retention in _RETENTION else None
    )


MAX_LOT = 10

#: Real handles wrap an SQS receipt handle in a JWT, so they are long.
_RECEIPT = "AQEB" + "3nkVGJz9xa4dcbZd91UWc2" * 20
_OVERTAKE_DEPTH = 20


@dataclass(slots=True)
class FeedMessage:
    """One event in the queue; `handle` is that of its last delivery, while it is in flight."""

    event: OmsEvent
    entered_at: float
    handle: str | None = None
    is_queued: bool = True
    is_gone: bool = False


@dataclass(frozen=True, slots=True)
class FeedCounts:
    """How many events a feed holds, and how many were committed."""

    visible: int
    in_flight: int
    committed: int
    oldest_seconds: float


class EventQueue:
    """One app key's queue: at least once, in no order, and never sure to be complete."""

    def __init__(self, config: FeedConfig, now: float, dials: Dials, random: Random) -> None:
        self.config = config
        self.visibility_seconds: float | None = None
        self._dials = dials
        self._random = random
        self._last_event_at = now
        self._committed = 0
        self._visible: deque[FeedMessage] = deque()
        self._living: dict[str, FeedMessage] = {}
        self._in_flight: dict[str, FeedMessage] = {}
        self._deadlines: list[tuple[float, int, str]] = []
        self._sequence = count()
        self._fired: set[str] = set()

    def offer(self, event: OmsEvent, now: float) -> bool:
        """Take an event if the filter lets it pass."""
        if not event.stray and not self.config.filter.takes(event.state):
            return False
        if self.config.filter.single_fire and event.order_id in self._fired:
            return False
        self._fired.add(event.order_id)
        message = FeedMessage(event, now)
        self._living[event.item["eventId"]] = message
        self._visible.append(message)
        self._last_event_at = now
        return True

    def is_expired(self, now: float) -> bool:
        """Check whether VTEX removed the configuration, because no event came for so long."""
        return now - self._last_event_at > self.config.retention_seconds

    def read(self, maximum: int, now: float) -> list[dict[str, Any]]:
        """Deliver up to `maximum` events, each under a new handle, and hide them for a while."""
        self._refresh(now)
        lot: list[dict[str, Any]] = []
        for _ in range(self._lot_size(maximum)):
            message = self._next()
            if message is None:
                break
            lot.append(self._deliver(message, now))
        return lot

    def commit(self, handles: Iterable[str], now: float) -> list[OmsEvent]:
        """Remove the events whose last delivery these handles are; a stale one does nothing."""
        self._refresh(now)
        gone = [self._in_flight.pop(handle) for handle in handles if handle in self._in_flight]
        for message in gone:
            self._remove(message)
        self._committed += len(gone)
        return [message.event for message in gone]

    def order_ids(self) -> list[str]:
        """Name the order of each event that is not committed."""
        return [message.event.order_id for message in self._living.values()]

    def counts(self, now: float) -> FeedCounts:
        """Count the events; `oldest_seconds` is the age of the oldest."""
        self._refresh(now)
        oldest = next(iter(self._living.values()), None)
        return FeedCounts(
            visible=len(self._living) - len(self._in_flight),
            in_flight=len(self._in_flight),
            committed=self._committed,
            oldest_seconds=max(0.0, now - oldest.entered_at) if oldest else 0.0,
        )

    def _refresh(self, now: float) -> None:
        """Show again what was not committed in time, and drop what is too old."""
        while self._deadlines and self._deadlines[0][0] <= now:
            _, _, handle = heapq.heappop(self._deadlines)
            message = self._in_flight.pop(handle, None)
            if message is not None:
                message.handle = None
                self._show(message)
        while self._living:
            oldest = next(iter(self._living.values()))
            if now - oldest.entered_at <= self.config.retention_seconds:
                break
            self._remove(oldest)

    def _remove(self, message: FeedMessage) -> None:
        message.is_gone = True
        del self._living[message.event.item["eventId"]]
        if message.handle is not None:
            self._in_flight.pop(message.handle, None)

    def _show(self, message: FeedMessage) -> None:
        if not message.is_queued:
            message.is_queued = True
            self._visible.append(message)

    def _lot_size(self, maximum: int) -> int:
        dials, random = self._dials, self._random
        if dials.feed_empty_reads and random.random() < dials.feed_empty_reads:
            return 0
        if dials.feed_short_reads and random.random() < dials.feed_short_reads:
            return random.randint(1, maximum)
        return maximum

    def _next(self) -> FeedMessage | None:
        while self._visible:
            skip = self._overtaking()
            self._visible.rotate(-skip)
            message = self._visible.popleft()
            self._visible.rotate(skip)
            message.is_queued = False
            if not message.is_gone:
                return message
        return None

    def _overtaking(self) -> int:
        chance = self._dials.feed_disorder
        if not chance or self._random.random() >= chance:
            return 0
        return self._random.randrange(min(_OVERTAKE_DEPTH, len(self._visible)))

    def _deliver(self, message: FeedMessage, now: float) -> dict[str, Any]:
        if message.handle is not None:
            self._in_flight.pop(message.handle, None)
        delivery = next(self._sequence)
        item = dict(message.event.item)
        message.handle = handle = _handle(message.event, delivery)
        self._in_flight[handle] = message
        hidden = self.visibility_seconds
        if hidden is None:
            hidden = self.config.visibility_seconds
        heapq.heappush(self._deadlines, (now + hidden, delivery, handle))
        dials = self._dials
        if dials.feed_duplicates and self._random.random() < dials.feed_duplicates:
            self._show(message)
        if dials.fresh_event_ids:
            item["eventId"] = f"{self._random.getrandbits(128):032X}"
        return {**item, "handle": handle}


def _handle(event: OmsEvent, delivery: int) -> str:
    claims = f'{{"Handle":"{_RECEIPT}","MessageId":"{event.item["eventId"]}","Receive":{delivery}}}'
    return f"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.{urlsafe_b64encode(claims.encode()).decode()}"
