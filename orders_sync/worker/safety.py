"""Refuses to start a worker whose settings could lose work, or do it twice by design."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from orders_sync.broker.transport import check_kombu
from orders_sync.errors import ConfigurationError
from orders_sync.settings import Settings
from orders_sync.worker.queues import INTAKE, queue_of

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
