"""How long the broker's queues are.

Celery keeps a queue on Redis as a list of its name, and what workers have in hand in the hash
`unacked`; what nobody can work on is in a list of ours: https://docs.celeryq.dev/projects/kombu/en/stable/reference/kombu.transport.redis.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import redis
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from orders_sync.broker.keys import STRAYS, STRAYS_DROPPED
from orders_sync.redis_client import open_redis
from orders_sync.settings_parts import SentinelSettings

_TIMEOUT_SECONDS = 3


@dataclass(frozen=True, slots=True)
class BrokerState:
    """Messages that wait on each queue, that workers have in hand, and that were set aside.

    `strays_dropped` is how many more were set aside than are kept, since Redis was set up;
    `oldest_seconds` for how long the oldest message has been in hand.
    """

    waiting: Mapping[str, int]
    unacknowledged: int
    strays: int
    strays_dropped: int = 0
    oldest_seconds: float = 0.0


class BrokerReader:
    """Asks a Redis broker for the lengths of queues."""

    def __init__(
        self, url: str, queues: Sequence[str], sentinel: SentinelSettings | None = None
    ) -> None:
        self._queues = queues
        address = url.replace("redis+socket://", "unix://", 1)
        self._client = open_redis(address, sentinel, seconds=_TIMEOUT_SECONDS)

    def __call__(self) -> BrokerState:
        """Read the present lengths.

        Raises:
            redis.RedisError: the broker does not answer.
        """
        return read_state(self._client, self._queues)


def read_state(client: redis.Redis, queues: Sequence[str]) -> BrokerState:
    """Read the present lengths in one exchange.

    Raises:
        redis.RedisError: the broker does not answer.
    """
    with client.pipeline(transaction=False) as pipeline:
        for queue in queues:
            pipeline.llen(queue)
        pipeline.hlen("unacked")
        pipeline.llen(STRAYS)
        pipeline.get(STRAYS_DROPPED)
        pipeline.zrange("unacked_index", 0, 0, withscores=True)
        pipeline.time()
        *lengths, unacknowledged, strays, dropped, oldest, now = pipeline.execute()
    waiting = dict(zip(queues, lengths, strict=True))
    age = max(now[0] - oldest[0][1], 0.0) if oldest else 0.0
    return BrokerState(waiting, unacknowledged, strays, int(dropped or 0), age)


class BrokerCollector(Collector):
    """Shows the broker's state at the time of a scrape; `read` gives None where it is away."""

    def __init__(self, read: Callable[[], BrokerState | None]) -> None:
        self._read = read

    def describe(self) -> Iterator[Metric]:
        """Name the metrics without asking the broker."""
        yield from _families(BrokerState({}, 0, 0))

    def collect(self) -> Iterator[Metric]:
        """Read the broker."""
        state = self._read()
        yield GaugeMetricFamily(
            "orders_sync_broker_up", "Whether the broker answers.", int(state is not None)
        )
        if state is not None:
            yield from _families(state)


def _families(state: BrokerState) -> Iterator[Metric]:
    waiting = GaugeMetricFamily(
        "orders_sync_queue_messages", "Messages that wait on a queue.", labels=["queue"]
    )
    for queue, length in state.waiting.items():
        waiting.add_metric([queue], length)
    yield waiting
    yield GaugeMetricFamily(
        "orders_sync_unacknowledged_messages",
        "Messages that workers have taken and not acknowledged.",
        state.unacknowledged,
    )
    yield GaugeMetricFamily(
        "orders_sync_oldest_unacknowledged_seconds",
        "For how long the oldest message has been taken and not acknowledged.",
        state.oldest_seconds,
    )
    yield GaugeMetricFamily(
        "orders_sync_stray_messages",
        "Messages that no task can take and that are on their way from the broker to the ledger.",
        state.strays,
    )
    yield CounterMetricFamily(
        "orders_sync_stray_messages_dropped",
        "Messages that no task can take and that were too many to keep; they are gone.",
        state.strays_dropped,
    )
