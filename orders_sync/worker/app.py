"""The Celery app: its settings, its queues, its services, and how a step is dispatched.

A task's name is its address: `<queue>.<verb>`.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import structlog
from celery import Celery
from celery.worker import state
from kombu import Exchange
from kombu import Queue as KombuQueue

from orders_sync.bootstrap import Services, build, connect_traffic, process_name
from orders_sync.broker.client import BROKER_AWAY
from orders_sync.broker.transport import install
from orders_sync.domain.steps import Dispatch, Queue, Step
from orders_sync.embedded.home import run_folder
from orders_sync.errors import ConfigurationError
from orders_sync.redis_client import broker_options, broker_tls, broker_url
from orders_sync.settings import Settings, watchdog_address
from orders_sync.worker.dispatcher import SEND, DeliveryMessage
from orders_sync.worker.schedule import beat_schedule

log = structlog.get_logger(__name__)

#: A broker that leaves a question unanswered for so long is gone, though its connection stands.
_SILENT_SECONDS = 4


class OrdersSyncApp(Celery):
    """A Celery app with the settings, and the services of each process."""

    orders_sync_settings: Settings
    _services: tuple[int, Services] | None = None
    _process: str | None = None
    consumer: Any = None

    @property
    def services(self) -> Services:
        """The services of this process; a forked child builds its own.

        It goes by its parent's name in leases, whose heartbeat speaks for it.
        """
        if self._services is None or self._services[0] != os.getpid():
            settings = self.orders_sync_settings
            self._process = self._process or process_name()
            traffic = connect_traffic(settings, process=self._process)
            services = build(settings, traffic=traffic, process=self._process)
            self._services = (os.getpid(), services)
        return self._services[1]

    def close_traces(self) -> None:
        """Send what traces are left, if this process has any."""
        if self._services is not None and self._services[0] == os.getpid():
            self._services[1].tracing.close()

    def dispatch_all(self, following: Sequence[Dispatch]) -> None:
        """Put steps on their queues, with ids only, in one exchange with the broker.

        A broker that is away is no error: the ledger knows the steps, which are due again soon.
        """
        if not following:
            return
        try:
            with self.producer_or_acquire() as producer, producer.batch():
                for dispatch in following:
                    self._send(dispatch, producer)
        except BROKER_AWAY as error:
            log.warning("dispatch.postponed", steps=len(following), cause=type(error).__name__)
            for dispatch in following:
                self.services.metrics.dispatch_postponed(dispatch.step.value)

    def dispatch_deliveries(self, messages: Sequence[DeliveryMessage]) -> None:
        """Put events for endpoints on their queue; where the broker is away they are due again."""
        if not messages:
            return
        try:
            self.send_batch(
                (SEND, {"endpoint": message.endpoint, "delivery": message.delivery})
                for message in messages
            )
        except BROKER_AWAY as error:
            log.warning("dispatch.postponed", events=len(messages), cause=type(error).__name__)

    def send_batch(self, messages: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Send messages, each a task's name and its arguments, in one exchange with the broker.

        Celery's events show no arguments. Where the broker is away, one of `BROKER_AWAY` is raised.
        """
        with self.producer_or_acquire() as producer, producer.batch():
            for task, arguments in messages:
                self.send_task(
                    task,
                    kwargs=arguments,
                    producer=producer,
                    argsrepr="()",
                    kwargsrepr="{}",
                    declare=(),
                    retry=False,
                    add_to_parent=False,
                )

    def _send(self, following: Dispatch, producer: Any) -> None:
        ids = {"account": following.account, "order_id": following.order_id}
        if following.command_id is not None:
            ids["command_id"] = following.command_id
        self.send_task(
            following.step.value,
            kwargs=ids,
            # Whatever is decided about one message must not meet another for the same step.
            task_id=f"{following.step}/{uuid.uuid4().hex}",
            argsrepr="()",
            kwargsrepr=repr(ids),
            # Workers declare the queues; once more with each message is costly.
            declare=(),
            producer=producer,
            retry=False,
            add_to_parent=False,
        )

    @property
    def is_watched(self) -> bool:
        """Whether this worker sends events of its tasks, as Flower has it do."""
        events = self.consumer and self.consumer.event_dispatcher
        return bool(events and events.enabled and "task" in (events.groups or ["task"]))

    def serves(self, step: Step) -> bool:
        """Check whether this worker takes from the queue of the step, and is not told to stop."""
        return self.takes_from(step.queue)

    def takes_from(self, queue: Queue) -> bool:
        """Check whether this worker takes from a queue, and is not told to stop."""
        is_stopping = state.should_stop is not None or state.should_terminate is not None
        return not is_stopping and queue in self.amqp.queues.consume_from


def client_app(settings: Settings, *, include: Sequence[str] = ()) -> OrdersSyncApp:
    """Make an app that reaches the broker and becomes no worker; nothing of it outlives it."""
    install()
    app = OrdersSyncApp("orders_sync", include=include, set_as_current=False)
    app.orders_sync_settings = settings
    app.conf.update(celery_settings(settings))
    return app


def celery_settings(settings: Settings) -> dict[str, Any]:
    """Return Celery's own settings: every message at least once, nothing but ids, no results.

    https://docs.celeryq.dev/en/stable/userguide/configuration.html
    """
    return {
        "broker_url": broker_url(settings),
        "broker_transport_options": {
            "visibility_timeout": settings.visibility_timeout_seconds,
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            "priority_steps": [0],
            "socket_timeout": _SILENT_SECONDS,
            "socket_connect_timeout": 3,
            "socket_keepalive": True,
            "health_check_interval": _SILENT_SECONDS,
            "connect_retries_timeout": 10,
            "client_name": "orders_sync",
            "pulse_folder": str(run_folder(settings.home.absolute())),
            "watchdog_address": watchdog_address(),
            "intake_queue": settings.intake_queue,
            "intake_prefix": f"{INTAKE}.",
            "allow_control": settings.allow_control,
            **broker_options(settings),
        },
        "broker_use_ssl": broker_tls(settings),
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "worker_consumer": "orders_sync.broker.consumer:Consumer",
        "worker_prefetch_multiplier": 1,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_send_task_events": False,
        "worker_enable_remote_control": True,
        "task_ignore_result": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_queues": declare_queues(settings.intake_queue),
        "task_routes": (route_by_prefix(settings.intake_queue),),
        "task_default_queue": Queue.UPKEEP.value,
        "task_create_missing_queues": False,
        "task_publish_retry_policy": {
            "max_retries": 3,
            "interval_start": 0.1,
            "interval_step": 0.3,
            "interval_max": 1,
        },
        "beat_schedule": beat_schedule(settings),
        # The schedule is a matter of settings alone: nothing is kept in a file.
        "beat_scheduler": "celery.beat:Scheduler",
        "timezone": "UTC",
    }


#: The prefix of the tasks that other services send; they go through the intake queue.
INTAKE = "orders_sync"


def route_by_prefix(intake_queue: str) -> Callable[..., dict[str, str] | None]:
    """Return Celery's router: the prefix of a task's name chooses its queue."""
    routes = {queue.value: {"queue": queue.value} for queue in Queue}
    routes[INTAKE] = {"queue": intake_queue}

    def route(name: str, *_: Any, **__: Any) -> dict[str, str] | None:
        return routes.get(name.partition(".")[0])

    return route


def declare_queues(intake_queue: str) -> list[KombuQueue]:
    """Declare every queue; Celery may make no others.

    The intake queue is Celery's default one, so that a service needs nothing but the broker's URL.
    """
    exchange = Exchange("orders_sync", type="direct")
    ours = [KombuQueue(queue.value, exchange, routing_key=queue.value) for queue in Queue]
    intake = Exchange(intake_queue, type="direct")
    return [*ours, KombuQueue(intake_queue, intake, routing_key=intake_queue)]


def queue_of(task_name: str) -> Queue:
    """Return the queue that one of our own tasks goes to.

    Raises:
        ConfigurationError: no queue has the name's prefix.
    """
    prefix, _, verb = task_name.partition(".")
    if verb and prefix in set(Queue):
        return Queue(prefix)
    raise ConfigurationError(
        f"The task {task_name} has no queue. Name it <queue>.<verb> with one of: "
        f"{', '.join(Queue)}."
    )
