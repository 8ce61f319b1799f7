"""Examines the broker: is it there, does it keep what it is given, how much waits in it?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from kombu.exceptions import OperationalError
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from orders_sync.broker.client import require_writes
from orders_sync.doctor.findings import Finding, State, compare_clocks
from orders_sync.doctor.readings import read_queues
from orders_sync.doctor.workers import examine_workers
from orders_sync.domain.steps import Step
from orders_sync.domain.time import Clock
from orders_sync.embedded.broker import with_broker
from orders_sync.errors import ConfigurationError
from orders_sync.redis_client import (
    CLUSTER_DO,
    CLUSTER_SAYS,
    FULL_DO,
    FULL_SAYS,
    READ_ONLY_DO,
    READ_ONLY_SAYS,
    SENTINEL_DO,
    SENTINEL_LOGIN_DO,
    SENTINEL_SAYS,
    RedisFailure,
    SentinelAnswer,
    ask_sentinels,
    checks_no_certificate,
    read_redis_failure,
)
from orders_sync.redis_url import SENTINEL_SCHEME
from orders_sync.settings import Settings
from orders_sync.settings_shown import without_passwords
from orders_sync.worker.app import client_app
from orders_sync.worker.safety import check_safety

BROKER = "broker"
#: https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/redis.html
_OLDEST = (6, 2)
#: The part of a bound from which on it is said that little is left.
_NEARLY = 0.9
_FAILURES = (RedisError, OperationalError, OSError)


def examine_broker(settings: Settings, *, clock: Clock) -> Iterator[Finding]:
    """Examine the broker, then at the workers that it leads to."""
    try:
        settings = with_broker(settings)
    except ConfigurationError as error:
        yield Finding(BROKER, "reachable", State.FAILED, str(error))
        yield Finding(
            "workers", "alive", State.NOT_PROBED, "there is no broker to ask them through"
        )
        return
    yield from examine_sentinels(settings)
    yield from judge_certificates(settings.broker_url or "", "ORDERS_SYNC_BROKER_URL")
    app = client_app(settings)
    yield _safety(settings, app.conf)
    try:
        with app.connection_for_read(connect_timeout=3) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=3)
            client = connection.default_channel.client
            info = client.info()
            if _is_sentinel(info):
                yield from judge_role(info, BROKER, "ORDERS_SYNC_BROKER_URL")
                yield Finding(
                    "workers", "alive", State.NOT_PROBED, "no worker takes from a sentinel"
                )
                return
            yield from _server(client, info, settings, clock)
            if info.get("cluster_enabled"):
                yield Finding(
                    "workers", "alive", State.NOT_PROBED, "no worker takes from a cluster"
                )
                return
            yield _depths(client, settings)
    except _FAILURES as error:
        where = without_passwords(settings.broker_url or "")
        failure = read_redis_failure(error, setting="ORDERS_SYNC_BROKER_URL")
        says = f"{where}: {failure.says}"
        yield Finding(BROKER, "reachable", State.FAILED, says, failure.do)
        yield Finding("workers", "alive", State.NOT_PROBED, "the broker is not reachable")
        return
    try:
        yield from examine_workers(app, settings)
    except _FAILURES as error:
        failure = read_redis_failure(error, setting="ORDERS_SYNC_BROKER_URL")
        says = f"they cannot be asked through the broker: {failure.says}"
        yield Finding("workers", "alive", State.NOT_PROBED, says)


def _safety(settings: Settings, conf: Any) -> Finding:
    try:
        check_safety(settings, conf, list(Step))
    except ConfigurationError as error:
        return Finding(BROKER, "safety settings", State.UNCONFIGURED, str(error))
    return Finding(BROKER, "safety settings", State.OK, "no message is lost or doubled by them")


def examine_sentinels(settings: Settings) -> Iterator[Finding]:
    """Examine each sentinel that the settings name: which primary it knows."""
    named = {url for url in (settings.broker_url, settings.redis_url) if url}
    for url in sorted(url for url in named if url.startswith(SENTINEL_SCHEME)):
        yield judge_sentinels(list(ask_sentinels(url, settings.sentinel)), settings.sentinel.master)


def judge_sentinels(answers: Sequence[SentinelAnswer], master: str) -> Finding:
    """Return whether the sentinels agree on a primary that works, and which do not answer."""
    check, total = "sentinels", len(answers)
    silent = [answer for answer in answers if answer.error is not None]
    primaries = {answer.primary for answer in answers if answer.primary and answer.is_up}
    if len(primaries) != 1:
        return _no_primary(answers, silent, master)
    says = f"{total - len(silent)} of {total} answer; the primary of {master} is {min(primaries)}"
    unaware = [a.sentinel for a in answers if not a.error and not a.is_up]
    if silent:
        failure = _read_sentinels_failure(silent[0])
        says = f"{says}; of {', '.join(answer.sentinel for answer in silent)}: {failure.says}"
        return Finding(BROKER, check, State.WARNING, says, failure.do)
    if unaware:
        says = f"{says}; {', '.join(unaware)} cannot see it"
        return Finding(BROKER, check, State.WARNING, says, "Look at the log of those sentinels.")
    return Finding(BROKER, check, State.OK, says)


def _no_primary(
    answers: Sequence[SentinelAnswer], silent: Sequence[SentinelAnswer], master: str
) -> Finding:
    if len(silent) == len(answers):
        failure = _read_sentinels_failure(silent[0])
        says = f"none answers: {failure.says}"
        return Finding(BROKER, "sentinels", State.FAILED, says, failure.do)
    known = sorted({name for answer in answers for name in answer.known})
    if master not in known:
        says = f"they know no primary {master}, but {', '.join(known) or 'none at all'}"
        do = f"Set ORDERS_SYNC_SENTINEL__MASTER={known[0] if known else 'as in sentinel.conf'}"
        return Finding(BROKER, "sentinels", State.FAILED, says, do)
    says = f"they know no primary of {master} that works, or name several"
    do = "A failover takes seconds; if this stays, their logs say why they choose none."
    return Finding(BROKER, "sentinels", State.FAILED, says, do)


def _read_sentinels_failure(answer: SentinelAnswer) -> RedisFailure:
    failure = read_redis_failure(answer.error or RedisError(), setting="ORDERS_SYNC_BROKER_URL")
    is_login = isinstance(answer.error, AuthenticationError)
    return replace(failure, do=SENTINEL_LOGIN_DO) if is_login else failure


def judge_certificates(url: str, setting: str, subject: str = BROKER) -> Iterator[Finding]:
    """Yield a finding where nobody checks who answers."""
    if checks_no_certificate(url):
        yield Finding(
            subject,
            "certificate",
            State.WARNING,
            "ssl_cert_reqs is none, so nobody checks who answers: whoever is in between reads the "
            "password and every message",
            f"Name the authority instead: {setting}=rediss://...?ssl_ca_certs=/path/ca.pem",
        )


def _server(
    client: Any, info: dict[str, Any], settings: Settings, clock: Clock
) -> Iterator[Finding]:
    ours = clock()
    where = without_passwords(settings.broker_url or "")
    yield judge_version(info, where)
    yield from judge_writes(client, info, BROKER, "ORDERS_SYNC_BROKER_URL")
    yield judge_persistence(info)
    yield judge_memory(info)
    yield from judge_clients(info)
    seconds, microseconds = client.time()
    theirs = datetime.fromtimestamp(seconds + microseconds / 1e6, UTC)
    yield compare_clocks(BROKER, theirs, ours)


def judge_version(info: dict[str, Any], where: str) -> Finding:
    """Return which server it is, from its INFO, and whether Celery's transport works with it."""
    version = str(info.get("redis_version", "0"))
    own = info.get("valkey_version")
    says = f"{'Valkey' if own else 'Redis'} {own or version} at {where}"
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    if numbers < _OLDEST:
        return Finding(BROKER, "reachable", State.FAILED, says, "Run Redis 6.2 or later.")
    return Finding(BROKER, "reachable", State.OK, says)


def judge_role(info: dict[str, Any], subject: str, setting: str) -> Iterator[Finding]:
    """Yield a finding where the INFO is that of a cluster, a sentinel or a replica."""
    if info.get("cluster_enabled"):
        do = CLUSTER_DO.format(setting=setting)
        yield Finding(subject, "role", State.UNCONFIGURED, CLUSTER_SAYS, do)
    elif _is_sentinel(info):
        do = SENTINEL_DO.format(setting=setting)
        yield Finding(subject, "role", State.UNCONFIGURED, SENTINEL_SAYS, do)
    elif info.get("role") == "slave" and info.get("slave_read_only", 1):
        primary = f"{info.get('master_host')}:{info.get('master_port')}"
        says = f"{READ_ONLY_SAYS} of {primary}"
        yield Finding(subject, "role", State.FAILED, says, READ_ONLY_DO.format(setting=setting))


def judge_writes(
    client: Any, info: dict[str, Any], subject: str, setting: str
) -> Iterator[Finding]:
    """Yield why a server takes nothing, by its role or by what it answers; nothing is changed."""
    roles = list(judge_role(info, subject, setting))
    yield from roles
    if roles:
        return
    try:
        require_writes(client)
    except ResponseError as error:
        failure = read_redis_failure(error, setting=setting)
        yield Finding(subject, "writes", State.FAILED, failure.says, failure.do)


def _is_sentinel(info: dict[str, Any]) -> bool:
    # Redis and Valkey word it each in its own way.
    return "sentinel" in {info.get("redis_mode"), info.get("server_mode")}


def judge_room(info: dict[str, Any], subject: str) -> Iterator[Finding]:
    """Yield whether a server that throws nothing away is full, or nearly."""
    used, most = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    if info.get("maxmemory_policy") != "noeviction" or not most or used < most * _NEARLY:
        return
    if used >= most:
        yield Finding(subject, "memory", State.FAILED, FULL_SAYS, FULL_DO)
    else:
        says = f"{used:,} bytes of at most {most:,} are used"
        yield Finding(subject, "memory", State.WARNING, says, FULL_DO)


def judge_clients(info: dict[str, Any]) -> Iterator[Finding]:
    """Yield whether the server lacks room for more connections."""
    clients, most = int(info.get("connected_clients", 0)), int(info.get("maxclients", 0))
    if most and clients >= most * _NEARLY:
        says = f"{clients} connections of at most {most}"
        do = "Raise maxclients (and the server's limit of open files), before it refuses workers."
        yield Finding(BROKER, "connections", State.WARNING, says, do)


def judge_persistence(info: dict[str, Any]) -> Finding:
    """Return whether the server's messages outlive a restart."""
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
    """Return whether the server would rather refuse messages than throw some away."""
    policy = info.get("maxmemory_policy", "unknown")
    for finding in judge_room(info, BROKER):
        return finding
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
    state = read_queues(client, settings)
    listed = ", ".join(f"{queue} {length}" for queue, length in state.waiting.items())
    says = f"{listed}; taken and not acknowledged: {state.unacknowledged}"
    return Finding(BROKER, "queues", State.OK, says)
