"""Reads ledger, broker and traffic side by side: one that is away or hangs hides no other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from typing import Generic, TypeVar

from orders_sync.bootstrap import connect_traffic, with_broker
from orders_sync.broker.channel import Channel
from orders_sync.broker.client import BROKER_AWAY, broker_client
from orders_sync.broker.liveness import LivingWorker, living_workers
from orders_sync.doctor.broker import BROKER
from orders_sync.doctor.findings import REACHABLE, Finding, State, of_error
from orders_sync.doctor.ledger import LEDGER
from orders_sync.doctor.traffic import TRAFFIC
from orders_sync.doctor.work import judge_kept, read_ledger
from orders_sync.domain.steps import Queue
from orders_sync.domain.time import Clock
from orders_sync.errors import ConfigurationError, OrdersSyncError
from orders_sync.metrics.shared import BrokerState, read_state
from orders_sync.redis_failures import read_redis_failure
from orders_sync.roster import settings_in_force
from orders_sync.settings import Settings
from orders_sync.settings_shown import without_passwords
from orders_sync.status.judgement import judge
from orders_sync.status.overview import Overview, Readings, compose
from orders_sync.traffic.traffic import Usage
from orders_sync.worker.app import client_app

T = TypeVar("T")


class PartAway(OrdersSyncError):
    """Raised where a part of the system does not answer."""


class _Reading(Generic[T]):
    """One part being read in a thread, which ends with the process if it hangs."""

    def __init__(self, subject: str, read: Callable[[], T]) -> None:
        self._subject = subject
        self._read = read
        self._outcome: tuple[T | None, Finding | None] | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._outcome = self._read(), None
        except Exception as error:  # noqa: BLE001 - Whatever a driver raises, the rest is shown.
            self._outcome = None, of_error(self._subject, REACHABLE, error)

    def result(self, deadline: float, seconds: float) -> tuple[T | None, Finding | None]:
        """Give what was read in time, or why there is nothing."""
        self._thread.join(max(deadline - time.monotonic(), 0.0))
        late = Finding(self._subject, REACHABLE, State.FAILED, f"No answer within {seconds:g} s.")
        return self._outcome or (None, late)


def look(settings: Settings, *, clock: Clock) -> tuple[Overview, Sequence[Finding]]:
    """Return how every account stands, and what needs a person; it takes ten seconds at most."""
    troubles: Mapping[str, str] = {}
    with suppress(OrdersSyncError):
        # The ledger's own reading says what is wrong with it.
        settings, troubles = settings_in_force(settings)
    readings = read_all(settings, clock=clock)
    disabled = settings.accounts.keys() - settings.enabled_accounts
    overview = compose(settings.accounts, readings, now=clock(), disabled=disabled)
    needs = judge(
        overview,
        readings,
        poll_seconds=settings.poll_seconds,
        lease_seconds=settings.lease_seconds,
        silence_seconds=settings.silence_seconds,
    )
    return overview, [*judge_kept(troubles), *needs]


def read_all(settings: Settings, *, clock: Clock, seconds: float = 10.0) -> Readings:
    """Read every part at once; all of it takes `seconds` at most."""
    ledger = _Reading(LEDGER, lambda: read_ledger(settings, clock))
    broker = _Reading(BROKER, lambda: _read_broker(settings))
    traffic = _Reading(TRAFFIC, lambda: _read_traffic(settings))
    deadline = time.monotonic() + seconds
    in_ledger, no_ledger = ledger.result(deadline, seconds)
    in_broker, no_broker = broker.result(deadline, seconds)
    state, workers = in_broker or (None, ())
    usages, no_traffic = traffic.result(deadline, seconds)
    troubles = (no_ledger, no_broker, no_traffic)
    return Readings(
        in_ledger, state, usages or {}, [each for each in troubles if each is not None], workers
    )


def _read_broker(settings: Settings) -> tuple[BrokerState, Sequence[LivingWorker]]:
    try:
        settings = with_broker(settings)
    except ConfigurationError as error:
        raise PartAway(str(error)) from None
    try:
        with broker_client(client_app(settings)) as client:
            queues = [*(queue.value for queue in Queue), settings.intake_queue]
            living = living_workers(client, heard_of_seconds=Channel.consumer_silence)
            return read_state(client, queues), living
    except BROKER_AWAY as error:
        failure = read_redis_failure(error, setting="ORDERS_SYNC_BROKER_URL")
        where = without_passwords(settings.broker_url or "")
        raise PartAway(f"{where}: {failure.says}. {failure.do}") from None


def _read_traffic(settings: Settings) -> Mapping[str, Usage]:
    if settings.redis_url is None:
        try:
            settings = with_broker(settings)
        except ConfigurationError:
            # The broker's own reading says so.
            return {}
    with closing(connect_traffic(settings)) as traffic:
        usages = {account: traffic.usage(account) for account in sorted(settings.accounts)}
    if settings.redis_url and any(usage.used is None for usage in usages.values()):
        where = without_passwords(settings.redis_url)
        raise PartAway(f"{where} does not answer. Start it, or correct ORDERS_SYNC_REDIS_URL.")
    return usages
