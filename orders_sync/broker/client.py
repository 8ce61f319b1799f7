"""A client of the broker for what Celery does not ask it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Generic, TypeVar

from celery import Celery
from kombu.exceptions import BatchPublishError, OperationalError
from redis import Redis
from redis.exceptions import RedisError

#: What calls raise while the broker is away.
BROKER_AWAY: Final = (OperationalError, BatchPublishError, RedisError, OSError)

Q = TypeVar("Q", bound=str)

_CONNECT_SECONDS: Final = 3.0

#: A key that nothing has; a server that refuses every write refuses to delete it.
_NOBODYS: Final = "orders_sync:nobody"

#: More messages than a queue can have room for.
_FULL: Final = 1_000_000_000


@contextmanager
def broker_client(app: Celery) -> Iterator[Redis]:
    """Open a client to the app's broker, as Celery reaches it: by TLS, a socket or sentinels.

    It does not decode its answers. What it raises while the broker is away is in `BROKER_AWAY`.
    """
    with app.connection_for_write(connect_timeout=_CONNECT_SECONDS) as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=_CONNECT_SECONDS)
        channel: Any = connection.default_channel
        yield channel.client


def require_writes(client: Redis) -> None:
    """Check that a server takes writes; nothing is changed.

    Raises:
        RedisError: it is away, or takes nothing: its disk is full, or too few replicas are in step.
    """
    client.delete(_NOBODYS)


class QueueLengths(Generic[Q]):
    """The number of messages in each of some queues, read over one connection that is kept.

    A queue of a broker that is away is full.
    """

    def __init__(self, app: Celery, queues: Sequence[Q]) -> None:
        self._app = app
        self._queues = queues
        self._connection: Any = None

    def __call__(self) -> dict[Q, int]:
        """Return all lengths, read in one round trip."""
        try:
            if self._connection is None:
                self._connection = self._app.connection_for_write(connect_timeout=_CONNECT_SECONDS)
            with self._connection.default_channel.client.pipeline(transaction=False) as pipeline:
                for queue in self._queues:
                    pipeline.llen(str(queue))
                return dict(zip(self._queues, pipeline.execute(), strict=True))
        except BROKER_AWAY:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.release()
            return dict.fromkeys(self._queues, _FULL)
