"""Reads ledger, broker and traffic for people: doctor, status, watch and the order desk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta

from redis import Redis

from orders_sync.bootstrap import connect_traffic
from orders_sync.broker.channel import Channel
from orders_sync.broker.client import BROKER_AWAY, broker_client, require_writes
from orders_sync.broker.liveness import LivingWorker, living_workers
from orders_sync.domain.steps import Queue
from orders_sync.domain.time import Clock
from orders_sync.embedded.broker import with_broker
from orders_sync.errors import ConfigurationError, OrdersSyncError
from orders_sync.ledger.account_settings import ErpTokens, KeptTokens
from orders_sync.ledger.accounts import Accounts, Chore, LastRun
from orders_sync.ledger.endpoints import Endpoint, Endpoints
from orders_sync.ledger.engine import Database
from orders_sync.ledger.gauges import Gauges, LedgerState, Waiting
from orders_sync.ledger.outbox_log import Backlog, OutboxLog
from orders_sync.ledger.versions import require_current
from orders_sync.metrics.shared import BrokerState, read_state
from orders_sync.redis_client import read_redis_failure
from orders_sync.settings import Settings
from orders_sync.settings_shown import without_passwords
from orders_sync.traffic.traffic import Usage
from orders_sync.worker.app import client_app


class PartAway(OrdersSyncError):
    """Raised where a part of the system does not answer."""


@dataclass(frozen=True, slots=True)
class EndpointReading:
    """The endpoints, and what waits for each."""

    endpoints: Sequence[Endpoint] = ()
    backlogs: Mapping[str, Backlog] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LedgerReading:
    """What the ledger says; `polls` and `pulls` are by account."""

    state: LedgerState
    waiting: Waiting = field(default_factory=Waiting)
    polls: Mapping[str, LastRun] = field(default_factory=dict)
    pulls: Mapping[str, LastRun] = field(default_factory=dict)
    endpoints: EndpointReading = field(default_factory=EndpointReading)
    tokens: Mapping[str, KeptTokens] = field(default_factory=dict)


def read_ledger(settings: Settings, clock: Clock) -> LedgerReading:
    """Read what is unfinished, and when chores last ran.

    Raises:
        ConfigurationError: the ledger must be upgraded first.
        LedgerUnavailable: the database does not answer.
    """
    recent = timedelta(seconds=settings.feed.visibility_seconds * 2)
    with closing(Database(settings.ledger, read_only=True)) as database:
        require_current(database)
        gauges, now = Gauges(database), clock()
        return LedgerReading(
            gauges.read(now=now, delivered_after=now - recent),
            gauges.read_waiting(),
            Accounts(database).last_runs(Chore.POLL),
            Accounts(database).last_runs(Chore.PULL),
            EndpointReading(Endpoints(database).all(), OutboxLog(database).backlogs(now=now)),
            {kept.account: kept for kept in ErpTokens(database).all()},
        )


def read_broker(settings: Settings) -> tuple[BrokerState, Sequence[LivingWorker]]:
    """Read the broker's state, and the workers that live.

    Raises:
        PartAway: there is no broker, it does not answer, or it takes nothing.
    """
    try:
        settings = with_broker(settings)
    except ConfigurationError as error:
        raise PartAway(str(error)) from None
    try:
        with broker_client(client_app(settings)) as client:
            require_writes(client)
            return read_queues(client, settings), read_workers(client)
    except BROKER_AWAY as error:
        failure = read_redis_failure(error, setting="ORDERS_SYNC_BROKER_URL")
        where = without_passwords(settings.broker_url or "")
        raise PartAway(f"{where}: {failure.says}. {failure.do}") from None


def read_queues(client: Redis, settings: Settings) -> BrokerState:
    """Read the state of all queues; errors are those of `BROKER_AWAY`."""
    return read_state(client, [*(queue.value for queue in Queue), settings.intake_queue])


def read_workers(client: Redis) -> Sequence[LivingWorker]:
    """Read which workers live; errors are those of `BROKER_AWAY`."""
    return living_workers(client, heard_of_seconds=Channel.consumer_silence)


def read_traffic(settings: Settings) -> Mapping[str, Usage]:
    """Read the traffic of each account; nothing where there is no broker to share it in.

    Raises:
        PartAway: the Redis that the settings name does not answer.
    """
    if settings.redis_url is None:
        try:
            settings = with_broker(settings)
        except ConfigurationError:
            # Reading the broker says so.
            return {}
    with closing(connect_traffic(settings)) as traffic:
        usages = {account: traffic.usage(account) for account in sorted(settings.accounts)}
    if settings.redis_url and any(usage.used is None for usage in usages.values()):
        where = without_passwords(settings.redis_url)
        raise PartAway(f"{where} does not answer. Start it, or correct ORDERS_SYNC_REDIS_URL.")
    return usages
