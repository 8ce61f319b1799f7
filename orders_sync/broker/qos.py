"""What a channel has taken and not yet acknowledged."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import structlog
from kombu.transport import redis, virtual
from kombu.utils.json import dumps, loads

log = structlog.get_logger(__name__)


class QoS(redis.QoS):
    """Keeps the records of taken messages, which the broker made when it gave them.

    `settled` are tags whose removal travels with the next exchange.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.settled: list[str] = []

    def append(self, message: Any, delivery_tag: str) -> None:
        """Remember a message; the broker has its record already, unless the channel makes none."""
        if self.channel.is_recording:
            virtual.QoS.append(self, message, delivery_tag)
        else:
            super().append(message, delivery_tag)

    def ack(self, delivery_tag: str) -> None:
        """Settle a message, with the next exchange where there will be one."""
        if not self.channel.is_connected:
            # Celery acknowledges late what ran on while its connection was lost.
            log.warning("message.acknowledged_too_late", tag=delivery_tag)
            return
        self._quick_ack(delivery_tag)
        self.settled.append(delivery_tag)
        if not self.channel.will_exchange:
            self.settle()

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:  # noqa: FBT001, FBT002 - kombu's signature.
        """Drop a message, or put it back as the last of its queue."""
        if not requeue or not self.channel.is_connected:
            self.ack(delivery_tag)
            return
        self.restore_by_tag(delivery_tag, leftmost=True)
        self._quick_ack(delivery_tag)

    def remember(self, delivery_tag: str) -> None:
        """Remember a message that no consumer will see, so that it is put back."""
        self._quick_append(delivery_tag, None)

    def give_back(self, tags: Collection[str]) -> int:
        """Put back those of the tags, and all that no consumer saw; give how many."""
        self._flush()
        taken = self._delivered.items()
        going = [tag for tag, message in taken if tag in tags or message is None]
        for tag in reversed(going):
            self.restore_by_tag(tag)
            self._quick_ack(tag)
        return len(going)

    def forget(self, delivery_tag: str) -> None:
        """Make room for another message; the record of this one is gone."""
        self._quick_ack(delivery_tag)

    def abandon(self) -> None:
        """Forget what was taken; others put it back."""
        self.settled.clear()
        self._delivered.clear()
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
        """Put one message back as the next of its queue, or `leftmost` as its last."""
        record = self.channel.record_of(tag)
        queues, message = self._read(record) if record else ([], "")
        if record and not queues:
            self.channel.set_aside(tag, queue="", reason="no-queue", raw=message or record)
        else:
            order = "LPUSH" if leftmost else "RPUSH"
            self.channel.restore(tag, record, queues, order, message)

    def _read(self, record: bytes) -> tuple[list[str], str]:
        """Find out where a recorded message goes, and what it is when it goes there again."""
        try:
            message, exchange, routing_key = loads(record)
            _mark_redelivered(message)
            text = dumps(message)
            queues = self.channel._lookup(exchange, routing_key)  # noqa: SLF001 - kombu's routing.
        except (ValueError, TypeError, AttributeError):
            return [], ""
        return [queue for queue in queues if queue], text


def _mark_redelivered(message: Mapping[str, Any]) -> None:
    try:
        message["headers"]["redelivered"] = True
        message["properties"]["delivery_info"]["redelivered"] = True
    except (KeyError, TypeError):
        return
