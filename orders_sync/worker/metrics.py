"""Shows each process's metrics: workers what they do, and beat what all processes share too.

Beat is the one process that an installation has once, so figures that are no process's own come
from there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from time import time
from typing import Any, Literal, NoReturn

import redis
import structlog
from celery.concurrency import get_implementation
from celery.signals import after_task_publish, beat_init, celeryd_after_setup

from orders_sync.bootstrap import Services
from orders_sync.domain.steps import Queue
from orders_sync.errors import ConfigurationError, LedgerUnavailable
from orders_sync.ledger.gauges import LedgerState
from orders_sync.metrics.ledger import LedgerCollector
from orders_sync.metrics.server import CachedReading, serve_metrics
from orders_sync.metrics.shared import (
    BrokerCollector,
    TrafficCollector,
    broker_reader,
)
from orders_sync.settings import Settings
from orders_sync.traffic.traffic import Usage

log = structlog.get_logger(__name__)


def refuse_hidden_metrics(settings: Settings, pool: Any) -> None:
    """Refuse a pool of several processes where metrics are to be shown.

    Raises:
        ConfigurationError: what the pool's processes count could not be seen from outside.
    """
    module: str = get_implementation(pool).__module__
    if settings.metrics_port is not None and module.endswith(".prefork"):
        raise ConfigurationError(
            "ORDERS_SYNC_METRICS_PORT is set, and this worker's pool is prefork: what its child "
            "processes count would not be seen. Start the worker with --pool=threads, or unset "
            "ORDERS_SYNC_METRICS_PORT."
        )


def show_metrics(
    settings: Settings,
    services: Callable[[], Services],
    stop_with: Callable[[Exception], NoReturn],
) -> None:
    """Make workers and beat serve their metrics once their logging is set up.

    Celery swallows what a signal's receiver raises, so `stop_with` ends the process.
    """
    if settings.metrics_port is None:
        return

    @celeryd_after_setup.connect(weak=False)
    def _worker(**_: Any) -> None:
        _serve(services(), "worker", stop_with)

    @beat_init.connect(weak=False)
    def _beat(**_: Any) -> None:
        add_shared_figures(services())
        after_task_publish.connect(_tick, weak=False)
        _serve(services(), "beat", stop_with)

    def _tick(sender: str | None = None, **_: Any) -> None:
        services().metrics.tick_sent(str(sender), now=time())


def add_shared_figures(services: Services) -> None:
    """Add what the ledger, the broker and the traffic say to the metrics of this process."""
    settings, registry = services.settings, services.metrics.registry
    gauges = services.ledger.gauges
    # An event that was not acknowledged comes again after the feed's visibility time-out.
    recent = timedelta(seconds=settings.feed.visibility_seconds * 2)

    def read_ledger() -> LedgerState:
        now = services.clock()
        return gauges.read(now=now, delivered_after=now - recent)

    ledger = CachedReading(read_ledger, failures=LedgerUnavailable)

    def enabled() -> Mapping[str, bool]:
        return {name: account.enabled for name, account in services.settings.accounts.items()}

    registry.register(LedgerCollector(ledger, enabled))
    if settings.broker_url is not None:
        queues = [*(queue.value for queue in Queue), settings.intake_queue]
        reader = broker_reader(settings.broker_url, queues, settings.sentinel)
        broker = CachedReading(reader, failures=redis.RedisError)
        registry.register(BrokerCollector(broker))
    if services.traffic is not None:
        traffic = services.traffic

        def read() -> list[Usage]:
            return [traffic.usage(account) for account in services.settings.accounts]

        registry.register(TrafficCollector(CachedReading(read, failures=redis.RedisError)))


def _serve(
    services: Services,
    role: Literal["worker", "beat"],
    stop_with: Callable[[Exception], NoReturn],
) -> None:
    settings, metrics = services.settings, services.metrics
    if settings.metrics_port is None:
        return
    metrics.process_started(role)
    try:
        server = serve_metrics(
            metrics.registry, address=settings.metrics_address, first_port=settings.metrics_port
        )
    except ConfigurationError as error:
        stop_with(error)
    if server is None:
        # Orders matter more than their figures; an alert tells that a process is not seen.
        log.error("metrics.not_served", first_port=settings.metrics_port)
    else:
        log.info("metrics.served", address=settings.metrics_address, port=server.port)
