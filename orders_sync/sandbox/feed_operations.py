"""The calls about the feed, one queue and one configuration an app key."""

from __future__ import annotations

from random import Random

from orders_sync.sandbox.dials import Dials
from orders_sync.sandbox.envelopes import plain, problem
from orders_sync.sandbox.feed import MAX_LOT, EventQueue, FeedCounts, parse_config
from orders_sync.sandbox.oms import OmsEvent
from orders_sync.sandbox.wire import Asked, Done, Operation, Response, json_response


class FeedOperations:
    """Read, commit and configure the feeds of an account.

    `visibility_seconds` overrules what the configurations ask for.
    """

    def __init__(self, dials: Dials, random: Random, visibility_seconds: float | None) -> None:
        self._dials = dials
        self._random = random
        self._visibility_seconds = visibility_seconds
        self._queues: dict[str, EventQueue] = {}

    def table(self) -> dict[str, Operation]:
        """Name the operations as the routes do."""
        return {
            "feed_read": self.read,
            "feed_commit": self.commit,
            "feed_config_get": self.get_config,
            "feed_config_set": self.set_config,
            "feed_config_delete": self.delete_config,
        }

    def publish(self, event: OmsEvent, now: float) -> int:
        """Offer an event to every queue, and say how many took it."""
        queues = [self._queue(app_key, now) for app_key in tuple(self._queues)]
        return sum(queue.offer(event, now) for queue in queues if queue is not None)

    def delete_all(self, now: float) -> list[str]:
        """Remove every configuration, and name the order of each event that was in its queue."""
        queues = [self._queue(app_key, now) for app_key in tuple(self._queues)]
        self._queues.clear()
        return [order_id for queue in queues if queue is not None for order_id in queue.order_ids()]

    def counts(self, now: float, app_key: str | None = None) -> FeedCounts | None:
        """Count the events of one app key's feed, or of the first one; None: no feed is there."""
        key = app_key if app_key is not None else next(iter(self._queues), "")
        queue = self._queue(key, now)
        return None if queue is None else queue.counts(now)

    def read(self, asked: Asked) -> Done:
        """Deliver a lot."""
        parameters = {name.lower(): value for name, value in asked.request.parameters().items()}
        lot = parameters.get("maxlot", "")
        if not lot.isdecimal() or not 1 <= int(lot) <= MAX_LOT:
            return Done(problem(400, "Bad Request"))
        queue = self._queue(asked.app_key, asked.now)
        if queue is None:
            return Done(_no_config())
        items = queue.read(int(lot), asked.now)
        return Done(json_response(200, items), effect=bool(items))

    def commit(self, asked: Asked) -> Done:
        """Remove what was delivered; a stale handle is answered like a good one."""
        try:
            body = asked.request.json()
        except ValueError:
            return Done(problem(400, "Bad Request"))
        handles = body.get("handles") if isinstance(body, dict) else None
        if not isinstance(handles, list) or not all(isinstance(text, str) for text in handles):
            return Done(problem(400, "Bad Request"))
        queue = self._queue(asked.app_key, asked.now)
        if queue is None:
            return Done(_no_config())
        gone = queue.commit(handles, asked.now)
        concerning = tuple(event.order_id for event in gone)
        return Done(Response(200), effect=bool(gone), concerning=concerning)

    def get_config(self, asked: Asked) -> Done:
        """Show the configuration, how many events wait, and how old the oldest is."""
        queue = self._queue(asked.app_key, asked.now)
        if queue is None:
            return Done(_no_config())
        counts = queue.counts(asked.now)
        body = {
            **queue.config.to_dict(),
            "quantity": counts.visible + counts.in_flight,
            "approximateAgeOfOldestMessageInSeconds": counts.oldest_seconds,
        }
        return Done(json_response(200, body))

    def set_config(self, asked: Asked) -> Done:
        """Configure the feed; the events that an earlier configuration took stay."""
        try:
            config = parse_config(asked.request.json())
        except ValueError:
            return Done(problem(400, "Bad Request"))
        if isinstance(config, Response):
            return Done(config)
        queue = self._queue(asked.app_key, asked.now)
        if queue is None:
            queue = EventQueue(config, asked.now, self._dials, self._random)
            queue.visibility_seconds = self._visibility_seconds
            self._queues[asked.app_key] = queue
        queue.config = config
        return Done(Response(200), effect=True)

    def delete_config(self, asked: Asked) -> Done:
        """Remove the configuration and its queue."""
        if self._queue(asked.app_key, asked.now) is None:
            return Done(_no_config())
        del self._queues[asked.app_key]
        return Done(Response(200), effect=True)

    def _queue(self, app_key: str, now: float) -> EventQueue | None:
        queue = self._queues.get(app_key)
        if queue is not None and queue.is_expired(now):
            del self._queues[app_key]
            return None
        return queue


def _no_config() -> Response:
    return plain(404, "Feed configuration not found")
