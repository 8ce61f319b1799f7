"""What all processes share, as gauges: the broker's queues, and who may call VTEX and the ERP.

It is the same wherever it is read, so one process shows it.
Celery keeps a queue on Redis as a list of its name, and what workers have in hand in the hash
`unacked`; what nobody can work on is in a list of ours: https://docs.celeryq.dev/projects/kombu/en/stable/reference/kombu.transport.redis.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import redis
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from orders_sync.broker.client import require_writes
from orders_sync.broker.scripts import STRAYS, STRAYS_DROPPED
from orders_sync.redis_client import open_redis
from orders_sync.settings_parts import SentinelSettings
from orders_sync.traffic.breaker import Circuit
from orders_sync.traffic.limiter import Used
from orders_sync.traffic.traffic import Usage

_TIMEOUT_SECONDS: Final = 3


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


def broker_reader(
    url: str, queues: Sequence[str], sentinel: SentinelSettings | None = None
) -> Callable[[], BrokerState]:
    """Return a function that reads a broker's state.

    It raises RedisError where the broker is away, or takes nothing.
    """
    address = url.replace("redis+socket://", "unix://", 1)
    client = open_redis(address, sentinel, seconds=_TIMEOUT_SECONDS)

    def read() -> BrokerState:
        require_writes(client)
        return read_state(client, queues)

    return read


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
    """Shows the broker's state at the time of a scrape; `read` returns None where it is away."""

    def __init__(self, read: Callable[[], BrokerState | None]) -> None:
        self._read = read

    def describe(self) -> Iterator[Metric]:
        """Name the metrics without asking the broker."""
        yield from _broker_families(BrokerState({}, 0, 0))

    def collect(self) -> Iterator[Metric]:
        """Read the broker."""
        state = self._read()
        yield GaugeMetricFamily(
            "orders_sync_broker_up",
            "Whether the broker answers, and takes writes.",
            int(state is not None),
        )
        if state is not None:
            yield from _broker_families(state)


def _broker_families(state: BrokerState) -> Iterator[Metric]:
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


_TRAFFIC_GAUGES: Final[Sequence[tuple[str, str, Callable[[Usage, Used], float]]]] = (
    (
        "orders_sync_budget_used_calls",
        "Calls that all processes together made to VTEX in the last minute.",
        lambda _, used: used.calls,
    ),
    (
        "orders_sync_budget_pace_calls_per_minute",
        "Calls a minute that the rate limiter allows now; the budget at most.",
        lambda _, used: used.per_minute,
    ),
    (
        "orders_sync_budget_calls_per_minute",
        "Calls a minute that the account may make at most.",
        lambda _, used: used.budget,
    ),
    (
        "orders_sync_budget_held_seconds",
        "How long nobody may call VTEX from now on.",
        lambda _, used: used.held_seconds,
    ),
    (
        "orders_sync_account_paused",
        "Whether the account rests because VTEX refuses its credentials.",
        lambda usage, _: int(usage.pause is not None),
    ),
    (
        "orders_sync_open_breakers",
        "Breakers that let no call to VTEX or to the ERP pass.",
        lambda usage, _: sum(breaker.standing is not Circuit.CLOSED for breaker in usage.breakers),
    ),
    (
        "orders_sync_sick_processes",
        "Processes whose calls to VTEX or the ERP fail while those of other processes succeed.",
        lambda usage, _: len({name for breaker in usage.breakers for name in breaker.sick}),
    ),
)


class TrafficCollector(Collector):
    """Shows the traffic of accounts; `read` returns None where it is not known."""

    def __init__(self, read: Callable[[], Sequence[Usage] | None]) -> None:
        self._read = read

    def describe(self) -> Iterator[Metric]:
        """Name the metrics without asking anybody."""
        yield from _traffic_families(())

    def collect(self) -> Iterator[Metric]:
        """Read the traffic; an account whose usage is not known is left out."""
        yield from _traffic_families(self._read() or ())


def _traffic_families(usages: Sequence[Usage]) -> Iterator[Metric]:
    for name, text, value in _TRAFFIC_GAUGES:
        family = GaugeMetricFamily(name, text, labels=["account"])
        for usage in usages:
            if usage.used is not None:
                family.add_metric([usage.account], value(usage, usage.used))
        yield family
