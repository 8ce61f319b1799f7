"""Examines who may call now, as all processes share it: budgets, pauses and breakers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import redis

from orders_sync.bootstrap import connect_traffic
from orders_sync.doctor.broker import judge_certificates, judge_room, judge_writes
from orders_sync.doctor.findings import Finding, State
from orders_sync.embedded.broker import with_broker
from orders_sync.errors import ConfigurationError
from orders_sync.redis_client import open_redis, read_redis_failure
from orders_sync.settings import Settings
from orders_sync.settings_shown import without_passwords
from orders_sync.traffic.breaker import Circuit
from orders_sync.traffic.pause import PauseState
from orders_sync.traffic.traffic import Usage
from orders_sync.vtex.resources import resource_of

TRAFFIC = "traffic"
_CHECK = "calls"
_SETTING = "ORDERS_SYNC_REDIS_URL"
_SECONDS = 3.0


def examine_traffic(settings: Settings) -> Iterator[Finding]:
    """Examine what Redis keeps about each account."""
    if settings.redis_url is None:
        try:
            settings = with_broker(settings)
        except ConfigurationError:
            yield Finding(TRAFFIC, "shared", State.NOT_PROBED, "there is no broker to share it in")
            return
    try:
        traffic = connect_traffic(settings)
    except ConfigurationError as error:
        yield Finding(TRAFFIC, "shared", State.UNCONFIGURED, str(error))
        return
    try:
        troubles = list(_examine_server(settings))
        yield from troubles
        if any(trouble.state is not State.WARNING for trouble in troubles):
            return
        for account in sorted(settings.accounts):
            usage = traffic.usage(account)
            if usage.used is None:
                yield _unshared(settings)
                return
            yield judge_usage(usage)
    finally:
        traffic.close()


def _examine_server(settings: Settings) -> Iterator[Finding]:
    """Yield what keeps a Redis of the budget's own from its work; the broker's has its checks."""
    url = settings.redis_url
    if url is None or url == settings.broker_url:
        return
    yield from judge_certificates(url, _SETTING, subject=TRAFFIC)
    client: Any = open_redis(url, settings.sentinel, seconds=_SECONDS)
    try:
        info = client.info()
        yield from judge_writes(client, info, TRAFFIC, _SETTING)
        yield from judge_room(info, TRAFFIC)
    except redis.RedisError as error:
        failure = read_redis_failure(error, setting=_SETTING)
        says = (
            f"{without_passwords(url)}: {failure.says}, so each process keeps to its own part of "
            "the budget"
        )
        yield Finding(TRAFFIC, "shared", State.FAILED, says, failure.do)
    finally:
        client.close()


def judge_usage(usage: Usage) -> Finding:
    """Return whether an account calls freely, and else what it waits for."""
    account, used = usage.account, usage.used
    if usage.pause is not None:
        return _paused(account, usage.pause)
    if usage.forbidden:
        return _forbidden(account, usage.forbidden)
    sick = sick_processes(usage)
    if sick:
        return _sick(account, sick)
    resting = [b.name for b in usage.breakers if b.standing is not Circuit.CLOSED]
    if resting:
        says = f"left alone for a while, because they failed too often: {', '.join(resting)}"
        do = "They are tried again by themselves; the workers' log says what failed."
        return Finding(account, _CHECK, State.WARNING, says, do)
    if used is None:
        return Finding(account, _CHECK, State.NOT_PROBED, "Redis is not reachable")
    says = f"{used.calls} in the last minute, of {used.budget} allowed"
    if used.held_seconds:
        says += f"; VTEX asked for a rest of {used.held_seconds:.0f} s"
    if usage.erp is not None:
        says += f"; {usage.erp.calls} to the ERP, of {usage.erp.budget} allowed"
    if usage.erp_held_seconds:
        says += f"; the ERP asked for a rest of {usage.erp_held_seconds:.0f} s"
    return Finding(account, _CHECK, State.OK, says)


def sick_processes(usage: Usage) -> Mapping[str, float]:
    """Return the processes whose calls fail while those of others succeed, and since when."""
    sick: dict[str, float] = {}
    for breaker in usage.breakers:
        for process, since in breaker.sick.items():
            sick[process] = min(since, sick.get(process, since))
    return sick


def _sick(account: str, sick: Mapping[str, float]) -> Finding:
    since = datetime.fromtimestamp(min(sick.values()), UTC)
    return Finding(
        account,
        _CHECK,
        State.FAILED,
        f"since {since:%Y-%m-%d %H:%M} UTC calls fail in {', '.join(sorted(sick))}, and succeed in "
        "other processes",
        "Look for what keeps its host from VTEX or the ERP (network, DNS, proxy, certificates), or "
        "stop it; the others go on.",
    )


def _paused(account: str, pause: PauseState) -> Finding:
    since = datetime.fromtimestamp(pause.since, UTC)
    name = f"ORDERS_SYNC_ACCOUNTS__{account.upper()}__APP_"
    return Finding(
        account,
        _CHECK,
        State.FAILED,
        f"paused since {since:%Y-%m-%d %H:%M} UTC: VTEX refuses its key ({pause.cause})",
        "Mend the key in License Manager: the account then goes on by itself. Or give it another "
        f"one: orders-sync accounts rotate {account}. If it is in the settings, set {name}KEY and "
        f"{name}TOKEN instead, and restart the workers.",
    )


def _forbidden(account: str, groups: Sequence[PauseState]) -> Finding:
    names = [group.cause for group in groups]
    resources = sorted({resource_of(name) or "(not known)" for name in names})
    return Finding(
        account,
        _CHECK,
        State.FAILED,
        f"VTEX does not allow its key, and their work waits: {', '.join(names)}",
        "The work goes on by itself once the key's role in License Manager has: "
        f"{'; '.join(resources)}.",
    )


def _unshared(settings: Settings) -> Finding:
    if settings.redis_url is None:
        return Finding(TRAFFIC, "shared", State.NOT_PROBED, "the broker is not reachable")
    where = without_passwords(settings.redis_url)
    return Finding(
        TRAFFIC,
        "shared",
        State.FAILED,
        f"{where} does not answer, so each process keeps to its own part of the budget",
        f"Start it, or correct {_SETTING}; if it is slow, raise ORDERS_SYNC_REDIS_SECONDS.",
    )
