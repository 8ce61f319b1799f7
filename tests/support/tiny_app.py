"""A tiny Celery app, to kill its workers; `BROKER_URL` and `TRANSPORT` say what is tried."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import kombu
import redis
from celery import Celery
from redis.backoff import ConstantBackoff
from redis.exceptions import ConnectionError  # noqa: A004 - redis-py's own.
from redis.retry import Retry
from support.killing import QUEUES

from orders_sync.broker.transport import install

_kombu: Any = kombu  # Its types are not complete.
_environment = os.environ  # noqa: TID251 - this is the settings of a process of its own.
_url = _environment["BROKER_URL"]
_is_safe = _environment.get("TRANSPORT") != "stock"
#: A mark is the test's own, so it is made however long a broker takes to come back.
_broker = redis.Redis.from_url(
    _url, retry=Retry(ConstantBackoff(0.1), retries=1000), retry_on_error=[ConnectionError]
)

if _is_safe:
    install()

app = Celery("tiny")
app.conf.update(
    broker_url=_url,
    broker_transport_options={
        "visibility_timeout": int(_environment.get("VISIBILITY", "600")),
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
        "priority_steps": [0],
        "socket_timeout": 5,
        "consumer_beat": 0.3,
        "consumer_silence": 1.5,
        "global_keyprefix": _environment.get("PREFIX", ""),
        "pulse_folder": _environment.get("PULSES", ""),
        "allow_control": "ALLOW_CONTROL" in _environment,
    },
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    task_acks_late=True,
    task_ignore_result=True,
    task_queues=[_kombu.Queue(name, _kombu.Exchange(name), routing_key=name) for name in QUEUES],
    worker_prefetch_multiplier=int(_environment.get("PREFETCH", "1")),
    worker_cancel_long_running_tasks_on_connection_loss=False,
)
if _is_safe:
    app.conf.worker_consumer = "orders_sync.broker.consumer:Consumer"


@app.task(name="tiny.mark")
def mark(number: int, seconds: float) -> None:
    """Be busy for a while, then leave a mark."""
    _broker.rpush("begun", number)
    time.sleep(seconds)
    _broker.rpush("done", number)


@app.task(name="tiny.fail")
def fail(how: str) -> None:
    """Fail in a way that Celery does not catch, or take the process along."""
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    raise {"exit": SystemExit, "memory": MemoryError}[how]
