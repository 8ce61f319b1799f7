"""Examines the broker: is it there, does it keep what it is given, how much waits in it?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from orders_sync.bootstrap import with_broker
from orders_sync.doctor.clock import compare_clocks
from orders_sync.doctor.findings import Finding, State
from orders_sync.doctor.workers import examine_workers
from orders_sync.domain.steps import Queue, Step
from orders_sync.domain.time import Clock
from orders_sync.errors import ConfigurationError
from orders_sync.settings import Settings
from orders_sync.settings_shown import without_passwords
from orders_sync.worker.app import create_app
from orders_sync.worker.safety import check_safety

BROKER = "broker"
#: https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/redis.html
_OLDEST = (6, 2)
_FAILURES = (RedisError, OperationalError, OSError)


def examine_broker(settings: Settings, *, clock: Clock) -> Iterator[Finding]:
    """Look at the broker, then at the workers that it leads to."""
    try:
        settings = with_broker(settings)
    except ConfigurationError as error:
        yield Finding(BROKER, "reachable", State.FAILED, str(error))
        yield Finding(
            "workers", "alive", State.NOT_PROBED, "there is no broker to ask them through"
        )
        return
    app = create_app(settings, include=())
    yield _safety(settings, app.conf)
    try:
        with app.connection_for_read(connect_timeout=3) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=3)
            client = connection.default_channel.client
            yield from _server(client, settings, clock)
            yield _depths(client, settings)
    except _FAILURES as error:
        where = without_passwords(settings.broker_url or "")
        yield Finding(
            BROKER,
            "reachable",
            State.FAILED,
            f"{where} does not answer ({type(error).__name__})",
            "Start it, or correct ORDERS_SYNC_BROKER_URL.",
        )
        yield Finding("workers", "alive", State.NOT_PROBED, "the broker is not reachable")
        return
    yield from examine_workers(app, settings)


def _safety(settings: Settings, conf: Any) -> Finding:
    try:
        check_safety(settings, conf, list(Step))
    except ConfigurationError as error:
        return Finding(BROKER, "safety settings", State.UNCONFIGURED, str(error))
    return Finding(BROKER, "safety settings", State.OK, "no message is lost or doubled by them")


def _server(client: Any, settings: Settings, clock: Clock) -> Iterator[Finding]:
    info, ours = client.info(), clock()
    where = without_passwords(settings.broker_url or "")
    yield judge_version(info, where)
    yield judge_persistence(info)
    yield judge_memory(info)
    seconds, microseconds = client.time()
    theirs = datetime.fromtimestamp(seconds + microseconds / 1e6, UTC)
    yield compare_clocks(BROKER, theirs, ours)


def judge_version(info: dict[str, Any], where: str) -> Finding:
    """Say which server it is, from its INFO, and whether Celery's transport works with it."""
    version = str(info.get("redis_version", "0"))
    own = info.get("valkey_version")
    says = f"{'Valkey' if own else 'Redis'} {own or version} at {where}"
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    if numbers < _OLDEST:
        return Finding(BROKER, "reachable", State.FAILED, says, "Run Redis 6.2 or later.")
    return Finding(BROKER, "reachable", State.OK, says)


def judge_persistence(info: dict[str, Any]) -> Finding:
    """Say whether the server's messages outlive a restart."""
    check = "persistence"
    if not info.get("aof_enabled"):
        return Finding(
            BROKER,
            check,
            State.WARNING,
            "it has no append-only file, so a restart loses its messages",
            "Set `appendonly yes`; until then the workers dispatch them again after seconds.",
        )
    if info.get("aof_last_write_status", "ok") != "ok":
        says = "its append-only file cannot be written"
        return Finding(BROKER, check, State.FAILED, says, "Make room on the broker's disk.")
    return Finding(BROKER, check, State.OK, "append-only file")


def judge_memory(info: dict[str, Any]) -> Finding:
    """Say whether the server would rather refuse messages than throw some away."""
    policy = info.get("maxmemory_policy", "unknown")
    if policy == "noeviction":
        return Finding(BROKER, "memory", State.OK, "noeviction")
    return Finding(
        BROKER,
        "memory",
        State.WARNING,
        f"maxmemory-policy is {policy}: a full server throws messages away",
        "Set `maxmemory-policy noeviction`, and share the server with nobody.",
    )


def _depths(client: Any, settings: Settings) -> Finding:
    def depth(queue: str) -> str:
        return f"{queue} {client.llen(queue)}"

    listed = ", ".join(map(depth, [*Queue, settings.intake_queue]))
    taken = client.hlen("unacked")
    return Finding(BROKER, "queues", State.OK, f"{listed}; taken and not acknowledged: {taken}")
