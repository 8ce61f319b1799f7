"""A consumer and a producer on the transport, without Celery."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import kombu

_kombu: Any = kombu  # Its types are not complete.

TRANSPORT = "orders_sync.broker.transport:Transport"


class Taker:
    """Takes from queues, and keeps what it gets."""

    def __init__(self, connection: Any, queues: tuple[str, ...], prefetch: int) -> None:
        self.connection = connection
        self.channel = connection.default_channel
        self.messages: list[Any] = []
        self.channel.basic_qos(prefetch_count=prefetch)
        if queues:
            self.consume(*queues)

    def consume(self, *queues: str, no_ack: bool = False) -> None:
        """Begin to take from queues."""
        named = [_kombu.Queue(name) for name in queues]
        taking = self.messages.append
        self.connection.Consumer(named, on_message=taking, no_ack=no_ack).consume()

    def take(self, number: int) -> list[Any]:
        """Take so many messages; give their bodies."""
        while len(self.messages) < number:
            self.connection.drain_events(timeout=5)
        return [message.payload for message in self.messages]

    def finds_nothing(self) -> bool:
        """Tell whether no message comes for a moment."""
        before = len(self.messages)
        try:
            while True:
                self.connection.drain_events(timeout=0.05)
        except TimeoutError:
            return len(self.messages) == before


@contextmanager
def taker(
    url: str, *queues: str, prefetch: int = 0, transport: str | None = TRANSPORT, **options: Any
) -> Iterator[Taker]:
    """Give a taker for a while."""
    settings = {"priority_steps": [0], **options}
    with _kombu.Connection(url, transport=transport, transport_options=settings) as connection:
        yield Taker(connection, queues, prefetch)


def send(
    url: str, queue: str, *bodies: Any, headers: dict[str, Any] | None = None, **options: Any
) -> None:
    """Send messages, as any service with stock kombu does."""
    settings = {"priority_steps": [0], **options}
    with _kombu.Connection(url, transport_options=settings) as connection:
        producer = connection.Producer()
        for body in bodies:
            producer.publish(body, routing_key=queue, headers=headers)
