"""Refuses to start a worker whose settings could lose work, or do it twice by design."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import structlog

from orders_sync.broker.client import BROKER_AWAY, broker_client
from orders_sync.broker.transport import check_kombu
from orders_sync.errors import ConfigurationError
from orders_sync.redis_client import CLUSTER_DO, CLUSTER_SAYS, checks_no_certificate
from orders_sync.settings import Settings
from orders_sync.worker.app import INTAKE, queue_of

log = structlog.get_logger(__name__)

#: Steps that call VTEX twice and an ERP once must end before their message is taken for lost.
_CALLS_OF_A_STEP = 3


def check_safety(settings: Settings, conf: Any, task_names: Iterable[str]) -> None:
    """Check Celery's settings (`conf`), the tasks and the times that must fit together.

    Raises:
        ConfigurationError: a combination is dangerous; the message names it and the way out.
    """
    check_kombu()
    _check_celery(conf)
    _check_times(settings, conf)
    for name in task_names:
        if not name.startswith(("celery.", f"{INTAKE}.")):
            queue_of(name)


def check_broker(app: Any) -> None:
    """Check that the broker, where it answers, is no cluster; log whose certificate nobody checks.

    Raises:
        ConfigurationError: it is a Redis Cluster.
    """
    settings: Settings = app.orders_sync_settings
    named = {
        "ORDERS_SYNC_BROKER_URL": settings.broker_url,
        "ORDERS_SYNC_REDIS_URL": settings.redis_url,
    }
    for name, url in named.items():
        if checks_no_certificate(url or ""):
            log.warning("redis.certificate_not_checked", setting=name)
    try:
        with broker_client(app) as client:
            server: Any = client
            is_cluster = server.info("cluster").get("cluster_enabled")
    except BROKER_AWAY:
        return
    if is_cluster:
        do = CLUSTER_DO.format(setting="ORDERS_SYNC_BROKER_URL")
        raise ConfigurationError(f"The broker cannot be used: {CLUSTER_SAYS}. {do}")


def _check_celery(conf: Any) -> None:
    needed = {
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "worker_prefetch_multiplier": 1,
        "worker_consumer": "orders_sync.broker.consumer:Consumer",
        "task_create_missing_queues": False,
        "task_serializer": "json",
        "accept_content": ["json"],
    }
    for name, value in needed.items():
        if conf[name] != value:
            raise ConfigurationError(
                f"Celery's {name} is {conf[name]!r}, which can lose or double work. "
                f"Set it back to {value!r}."
            )


def _check_times(settings: Settings, conf: Any) -> None:
    visibility = conf.broker_transport_options["visibility_timeout"]
    longest = settings.vtex.total_seconds * _CALLS_OF_A_STEP
    if visibility <= longest:
        raise ConfigurationError(
            f"ORDERS_SYNC_VISIBILITY_TIMEOUT_SECONDS={visibility} is too short: a step may take "
            f"{longest:.0f} s, and its message would be delivered twice. "
            f"A right value: ORDERS_SYNC_VISIBILITY_TIMEOUT_SECONDS={int(longest) * 2}"
        )
    if settings.lease.total_seconds() < longest:
        raise ConfigurationError(
            f"ORDERS_SYNC_LEASE_SECONDS={settings.lease_seconds:g} is shorter than the calls to "
            f"VTEX of one step may take ({_CALLS_OF_A_STEP} times "
            f"ORDERS_SYNC_VTEX__TOTAL_SECONDS={settings.vtex.total_seconds:g}), so an order would "
            "be taken from a worker that is busy with it. "
            f"A right value: ORDERS_SYNC_LEASE_SECONDS={settings.vtex.total_seconds * 4:g}"
        )
    if conf.task_time_limit is not None and conf.task_time_limit >= visibility:
        raise ConfigurationError(
            f"Celery's task_time_limit ({conf.task_time_limit} s) is not below "
            f"ORDERS_SYNC_VISIBILITY_TIMEOUT_SECONDS={visibility}: a task would run twice. "
            "Lower the limit or raise the time-out."
        )
