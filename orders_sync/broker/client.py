"""A client of the broker for what is asked of it beside Celery."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from celery import Celery
from kombu.exceptions import BatchPublishError, OperationalError
from redis import Redis
from redis.exceptions import RedisError

#: What calls raise while the broker is away.
BROKER_AWAY: Final = (OperationalError, BatchPublishError, RedisError, OSError)

_CONNECT_SECONDS: Final = 3.0


@contextmanager
def broker_client(app: Celery) -> Iterator[Redis]:
    """Open a client to the app's broker, as Celery reaches it: by TLS, a socket or sentinels.

    It does not decode its answers. What it raises while the broker is away is in `BROKER_AWAY`.
    """
    with app.connection_for_write(connect_timeout=_CONNECT_SECONDS) as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=_CONNECT_SECONDS)
        channel: Any = connection.default_channel
        yield channel.client
