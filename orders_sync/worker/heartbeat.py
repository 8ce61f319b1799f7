"""The heartbeat of a worker process: it shows that it lives, buries the dead, and dispatches.

Another thread writes what the process could not write while the ledger was away. It is none of the
beats' affair: a row that is locked for long must not hold them up.

While a later version of orders-sync has the ledger, it only checks whether it may do that again.

A thread, since a worker whose threads are all busy lives as well. One process at a time dispatches:
the one that holds the lease.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from time import monotonic
from typing import Final

import structlog

from orders_sync.bootstrap import Services
from orders_sync.domain.steps import Queue
from orders_sync.errors import LedgerUnavailable
from orders_sync.ledger.cursors import EVERY_ACCOUNT
from orders_sync.ledger.processes import SEEN_EVERY, Worker
from orders_sync.ledger.versions import is_open
from orders_sync.worker.dispatcher import DeliveryDispatcher, Dispatcher, WorkerThreads

log = structlog.get_logger(__name__)

LEASE_NAME: Final = "dispatch"
_LEASE: Final = timedelta(seconds=5)

#: Seconds between two ticks: while there is work to dispatch, and while there is none.
_BUSY_SECONDS: Final = 0.2
_QUIET_SECONDS: Final = 1.0

#: What finds no room now may find some soon, so ticks get rarer so long after the last work.
_CALM: Final = timedelta(seconds=2)

#: A process that was itself held up for longer does not judge who is dead.
_HELD_UP: Final = timedelta(seconds=4)


class Heartbeat:
    """Beats until it is stopped; each beat may fail, and the next makes up for it."""

    def __init__(
        self,
        services: Services,
        dispatcher: Dispatcher,
        deliveries: DeliveryDispatcher,
        *,
        node: str,
        queues: Collection[str],
        threads: int,
        counter: Callable[[], float] = monotonic,
    ) -> None:
        self._services = services
        self._dispatcher = dispatcher
        self._deliveries = deliveries
        self._node = node
        self._queues = queues
        self._threads = threads
        self._counter = counter
        self._seen_at: datetime | None = None
        self._busy_at: datetime | None = None
        self._workers: Sequence[Worker] = ()
        self._pool = WorkerThreads.of([])
        self._renew_after = 0.0
        self._version: int | None = None
        self._may_lead = True
        self._is_open = True
        self._looked_at = float("-inf")
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to beat."""
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._thread.start()
        threading.Thread(target=self._catch_up, name="catching-up", daemon=True).start()

    def dispatch_no_more(self) -> None:
        """Leave dispatching to others, and go on showing that this process lives."""
        self._may_lead = False

    def stop(self) -> None:
        """Stop the beats, and release what this process has."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(_LEASE.total_seconds())
        try:
            services = self._services
            services.ledger.processes.leave(services.process, now=services.clock())
        except LedgerUnavailable:
            log.info("heartbeat.left_without_goodbye")

    def beat(self) -> float:
        """Do what is due; return the seconds until the next beat."""
        if not self._may_use_the_ledger():
            return _QUIET_SECONDS
        now = self._services.clock()
        # An idle process follows too, and lets go of what is of accounts as they were.
        self._services.roster.refresh()
        if self._services.traffic is not None:
            self._services.traffic.flush()
        if self._seen_at is None or now - self._seen_at >= SEEN_EVERY:
            self._show_that_it_lives(now)
        if not self._leads(now):
            return _QUIET_SECONDS
        if self._dispatcher.tick(self._pool) + self._deliveries.tick(self._workers):
            self._busy_at = now
        is_busy = self._busy_at is not None and now - self._busy_at < _CALM
        return _BUSY_SECONDS if is_busy else _QUIET_SECONDS

    def _may_use_the_ledger(self) -> bool:
        """Check now and then which version the tables have, and log what that changes."""
        if self._counter() - self._looked_at < SEEN_EVERY.total_seconds():
            return self._is_open
        database, was_open = self._services.ledger.database, self._is_open
        self._is_open = is_open(database)
        self._looked_at = self._counter()
        if was_open and not self._is_open:
            log.error("ledger.of_a_later_version", reason=database.closed_because)
        elif self._is_open and not was_open:
            log.info("ledger.usable_again")
        return self._is_open

    def _show_that_it_lives(self, now: datetime) -> None:
        services = self._services
        processes = services.ledger.processes
        was_held_up = self._seen_at is None or now - self._seen_at > _HELD_UP
        processes.seen(
            services.process, node=self._node, queues=self._queues, threads=self._threads, now=now
        )
        self._seen_at = now
        if not was_held_up:
            self._bury(now)
        self._workers = processes.living(now=now)
        self._pool = WorkerThreads.of(self._workers)
        services.ledger.windows.account = self._pool.account_window
        services.ledger.windows.total = self._pool.total_window
        services.ledger.windows.threads = self._pool.threads[Queue.ORDERS]

    def _bury(self, now: datetime) -> None:
        dead = self._services.ledger.processes.bury(now=now)
        if not dead:
            return
        log.warning("workers.buried", processes=list(dead))
        if self._services.traffic is not None:
            for process in dead:
                self._services.traffic.forget_holder(process)

    def _leads(self, now: datetime) -> bool:
        """Check whether this process dispatches, and take or renew the lease for it."""
        leases, process = self._services.ledger.leases, self._services.process
        if not self._may_lead:
            if self._version is not None:
                leases.renew(EVERY_ACCOUNT, LEASE_NAME, self._version, now)
                self._version = None
            return False
        if self._version is not None:
            if self._counter() < self._renew_after:
                return True
            if not leases.renew(EVERY_ACCOUNT, LEASE_NAME, self._version, now + _LEASE):
                self._version = None
        if self._version is None:
            self._version = leases.take(EVERY_ACCOUNT, LEASE_NAME, process, now, _LEASE)
        self._renew_after = self._counter() + _LEASE.total_seconds() / 5
        return self._version is not None

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                seconds = self.beat()
            except LedgerUnavailable as error:
                log.warning("heartbeat.missed", reason=str(error))
                seconds = _QUIET_SECONDS
            except Exception:
                log.exception("heartbeat.failed")
                seconds = _QUIET_SECONDS
            self._stopped.wait(seconds)

    def _catch_up(self) -> None:
        while not self._stopped.wait(_QUIET_SECONDS):
            try:
                if writes := self._services.ledger.postponed.repeat():
                    log.info("ledger.caught_up", writes=writes)
            except LedgerUnavailable:
                continue
            except Exception:
                log.exception("ledger.not_caught_up")
