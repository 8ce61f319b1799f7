"""Starts a worker, beat or Flower: each checks its settings first, and shows that it lives."""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

from celery.signals import (
    after_task_publish,
    beat_init,
    celeryd_init,
    setup_logging,
    worker_init,
    worker_process_shutdown,
    worker_ready,
    worker_shutdown,
    worker_shutting_down,
)

from orders_sync.bootstrap import error_reporter
from orders_sync.broker.client import QueueLengths
from orders_sync.broker.liveness import Pulse
from orders_sync.domain.steps import Queue
from orders_sync.embedded.home import beat_pulse_file
from orders_sync.errors import ConfigurationError, LedgerUnavailable
from orders_sync.logging import configure_logging, log_crashes
from orders_sync.settings import Settings, watchdog_address
from orders_sync.worker.app import (
    OrdersSyncApp,
    client_app,
)
from orders_sync.worker.dispatcher import (
    DeliveryDispatcher,
    Dispatcher,
    open_gates,
)
from orders_sync.worker.flower import rule_flower
from orders_sync.worker.heartbeat import Heartbeat
from orders_sync.worker.metrics import refuse_hidden_metrics, show_metrics
from orders_sync.worker.safety import check_broker, check_safety

#: The exit status of a process that cannot start before a person corrects a setting.
CONFIGURATION_STATUS = 3

#: https://man7.org/linux/man-pages/man3/mallopt.3.html
_M_ARENA_MAX: Final = -8

#: Threads share so many arenas. They hold the interpreter's lock while they allocate anyway.
_ARENAS: Final = 2


def create_app(settings: Settings, *, include: Sequence[str]) -> OrdersSyncApp:
    """Make the app; `include` names the modules that hold its tasks."""
    app = client_app(settings, include=include)
    app.set_current()
    _connect_signals(app)
    return app


def stop_with(error: Exception) -> NoReturn:
    """End the process with one line for a person.

    Its status says whether something must be configured first, or whether it may be started again:
    after a reboot the ledger's server may only be slower.
    """
    sys.stderr.write(f"orders-sync: {error}\n")
    raise SystemExit(CONFIGURATION_STATUS if isinstance(error, ConfigurationError) else 1)


def _connect_signals(app: OrdersSyncApp) -> None:
    settings = app.orders_sync_settings
    report = error_reporter(settings)

    # A worker's first warnings come before Celery sets logging up.
    @celeryd_init.connect(weak=False)
    @setup_logging.connect(weak=False)
    def _set_up_logging(**_: Any) -> None:
        configure_logging(settings.log_format, settings.log_level, report=report)
        log_crashes()

    rule_flower(
        app,
        settings.home,
        allow_control=settings.allow_control,
        start_logging=_set_up_logging,
        stop=stop_with,
    )
    keep_pulse(settings.home)
    end_surely()

    @worker_init.connect(weak=False)
    def _check(sender: Any, **_: Any) -> None:
        share_arenas()
        try:
            refuse_hidden_metrics(settings, sender.pool_cls)
            check_safety(settings, app.conf, app.tasks)
            check_broker(app)
            app.services.check()
        except (ConfigurationError, LedgerUnavailable) as error:
            # Celery logs what a signal raises and starts all the same, unless it is an exit.
            stop_with(error)

    @worker_process_shutdown.connect(weak=False)
    def _close(**_: Any) -> None:
        app.close_traces()

    keep_heart_beating(app)
    show_metrics(settings, lambda: app.services, stop_with)


def keep_heart_beating(app: OrdersSyncApp) -> None:
    """Make this process, if it becomes a worker, show others that it lives."""

    @worker_ready.connect(weak=False)
    def _begin(sender: Any, **_: Any) -> None:
        services, lengths = app.services, QueueLengths(app, list(Queue))
        app.consumer = sender
        heartbeat = Heartbeat(
            services,
            Dispatcher(
                ledger=services.ledger,
                clock=services.clock,
                send=app.dispatch_all,
                lengths=lengths,
                gates=services.traffic.gates if services.traffic else open_gates,
                rests=services.is_disabled,
            ),
            DeliveryDispatcher(
                ledger=services.ledger,
                clock=services.clock,
                send=app.dispatch_deliveries,
                lengths=lengths,
                at_once=services.settings.endpoints.at_once,
            ),
            node=sender.hostname,
            queues=set(app.amqp.queues.consume_from),
            threads=sender.controller.concurrency,
        )
        heartbeat.start()

        @worker_shutting_down.connect(weak=False)
        def _end(**_: Any) -> None:
            heartbeat.dispatch_no_more()

        @worker_shutdown.connect(weak=False)
        def _leave(**_: Any) -> None:
            heartbeat.stop()
            app.close_traces()


def keep_pulse(home: Path) -> None:
    """Make this process, if it becomes beat, show whenever the broker took a message.

    It touches a file as old as its last message, and tells systemd, whose watchdog replaces it. A
    beat whose clock was set back sends nothing until that hour has come again.
    """
    pulse = Pulse("beat", beat_pulse_file(home), watchdog=watchdog_address())

    @beat_init.connect(weak=False)
    def _begin(**_: Any) -> None:
        pulse.remove()
        after_task_publish.connect(_beat, weak=False)

    def _beat(**_: Any) -> None:
        pulse.answered()


def end_surely() -> None:
    """Make this process, if it becomes beat, end for SIGTERM whatever it does.

    Celery raises SystemExit from its handler, which is lost where a library drops what is raised
    in a callback; the loop then ends after its turn.
    """

    @beat_init.connect(weak=False)
    def _begin(sender: Any, **_: Any) -> None:
        former: Any = signal.getsignal(signal.SIGTERM)

        def _end(number: int, frame: Any) -> None:
            sender.stop()
            if callable(former):
                former(number, frame)

        signal.signal(signal.SIGTERM, _end)


def share_arenas() -> None:
    """Make all threads of this process allocate from two arenas, where its C library is glibc.

    With one for nearly each thread, documents that come and go leave holes in all of them. The
    variable MALLOC_ARENA_MAX would do the same, if everybody set it who starts a worker.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_M_ARENA_MAX, _ARENAS)
