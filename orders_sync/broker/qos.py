"""What a channel has taken and not yet acknowledged."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any

import structlog
from kombu.transport import redis, virtual
from kombu.utils.json import dumps, loads

from orders_sync.broker.envelope import count_take

log = structlog.get_logger(__name__)


class QoS(redis.QoS):
    """Keeps the records of taken messages, which the broker made when it gave them.

    `settled` are tags whose removal travels with the next exchange.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.settled: list[str] = []
        self._taken_at: dict[str, float] = {}

    @property
    def held_seconds(self) -> list[int]:
        """For how long each message has been in hand, the oldest first; any thread may ask."""
        now = time.monotonic()
        return sorted((int(now - at) for at in list(self._taken_at.values())), reverse=True)

    def append(self, message: Any, delivery_tag: str) -> None:
        """Remember a message; the broker has its record already, unless the channel makes none."""
        self._taken_at[delivery_tag] = time.monotonic()
        if self.channel.is_recording:
            virtual.QoS.append(self, message, delivery_tag)
        else:
            super().append(message, delivery_tag)

    def ack(self, delivery_tag: str) -> None:
        """Settle a message, with the next exchange where there will be one."""
        self.forget(delivery_tag)
        if not self.channel.is_connected:
            # Celery acknowledges late what ran on while its connection was lost.
            log.warning("message.acknowledged_too_late", tag=delivery_tag)
            return
        self.settled.append(delivery_tag)
        if not self.channel.will_exchange:
            self.settle()

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:  # noqa: FBT001, FBT002 - kombu's signature.
        """Drop a message, or put it back as the last of its queue."""
        if not requeue or not self.channel.is_connected:
            self.ack(delivery_tag)
            return
        waits = getattr(self._delivered.get(delivery_tag), "waits", False)
        self._put_back(delivery_tag, "LPUSH", counts=not waits)
        self.forget(delivery_tag)

    def remember(self, delivery_tag: str) -> None:
        """Remember a message that no consumer will see, so that it is put back."""
        self._quick_append(delivery_tag, None)

    def give_back(self, tags: Collection[str]) -> int:
        """Put back those of the tags, and all that no consumer saw; give how many."""
        self._flush()
        taken = self._delivered.items()
        going = [tag for tag, message in taken if tag in tags or message is None]
        for tag in reversed(going):
            self._put_back(tag, "RPUSH", counts=False)
            self.forget(tag)
        return len(going)

    def forget(self, delivery_tag: str) -> None:
        """Make room for another message."""
        self._quick_ack(delivery_tag)
        self._taken_at.pop(delivery_tag, None)

    def abandon(self) -> None:
        """Forget what was taken; others put it back."""
        self.settled.clear()
        self._delivered.clear()
        self._taken_at.clear()
        self._on_collect.cancel()

    def restore_visible(self, *args: Any, **options: Any) -> Any:
        """Put back what was taken longer ago than the visibility timeout; a timer calls this."""
        with self.channel.noting_absence():
            return super().restore_visible(*args, **options)

    def settle(self) -> None:
        """Remove the records of settled messages now."""
        if self.settled:
            tags, self.settled = self.settled, []
            self.channel.settle(tags)

    def restore_unacked(self, client: Any = None) -> None:  # noqa: ARG002 - kombu's signature.
        """Put back what was taken, so that the oldest is the next again."""
        self.settle()
        self._flush()
        for tag in reversed(self._delivered):
            self.restore_by_tag(tag)
        self._delivered.clear()

    def restore_by_tag(self, tag: str, client: Any = None, leftmost: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - kombu's signature.
        """Put back a message that did not end, as the next of its queue, or `leftmost` the last."""
        self._put_back(tag, "LPUSH" if leftmost else "RPUSH", counts=True)

    def _put_back(self, tag: str, order: str, *, counts: bool) -> None:
        record = self.channel.record_of(tag)
        queues, message = self._read(record, counts=counts) if record else ([], "")
        if record and not queues:
            self.channel.set_aside(tag, queue="", reason="no-queue", raw=message or record)
        else:
            self.channel.restore(tag, record, queues, order, message)

    def _read(self, record: bytes, *, counts: bool) -> tuple[list[str], str]:
        """Find out where a recorded message goes, and what it is when it goes there again."""
        try:
            message, exchange, routing_key = loads(record)
            text = dumps(count_take(message, counts=counts))
            queues = self.channel._lookup(exchange, routing_key)  # noqa: SLF001 - kombu's routing.
        except self.channel.connection_errors:
            raise
        except Exception:  # noqa: BLE001 - whatever was recorded, it must not end the worker.
            return [], ""
        return [queue for queue in queues if queue], text
