"""How each account stands, put together from what ledger, broker and traffic say.

Any of the three may be away: what it would have said is then None.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from orders_sync.broker.liveness import LivingWorker
from orders_sync.doctor.findings import Finding
from orders_sync.doctor.readings import LedgerReading
from orders_sync.domain.rules import OPEN
from orders_sync.ledger.gauges import Key, LedgerState
from orders_sync.metrics.labels import OTHER, one_of
from orders_sync.metrics.shared import BrokerState
from orders_sync.traffic.breaker import Circuit
from orders_sync.traffic.limiter import Used
from orders_sync.traffic.traffic import Usage
from orders_sync.worker.calls import cause_behind

_IN_FLIGHT: Final = tuple(standing.value for standing in OPEN)


@dataclass(frozen=True, slots=True)
class Readings:
    """What each part said; `traffic` is by account, `troubles` tells why a part said nothing."""

    ledger: LedgerReading | None = None
    broker: BrokerState | None = None
    traffic: Mapping[str, Usage] = field(default_factory=dict)
    troubles: Sequence[Finding] = ()
    workers: Sequence[LivingWorker] = ()


@dataclass(frozen=True, slots=True)
class WorkCounts:
    """How many are in flight, and how many of them wait, or are parked, by cause."""

    in_flight: int
    waiting: Mapping[str, int]
    parked: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class AccountOverview:
    """One account; `other` is all those that are not configured here.

    `lag_seconds` is the age of the oldest order in flight, VTEX's own waits left out. The last
    poll of the feed began at `polled_at`, and failed where `poll_rests_until` is set; the last
    one that read the feed without an error ended at `last_successful_poll_at`. The work of one
    that `is_disabled` waits, and is not late.
    """

    account: str
    lag_seconds: float | None = None
    orders: WorkCounts | None = None
    commands: WorkCounts | None = None
    polled_at: datetime | None = None
    last_successful_poll_at: datetime | None = None
    poll_rests_until: datetime | None = None
    budget: Used | None = None
    erp_budget: Used | None = None
    erp_held_seconds: float = 0.0
    open_breakers: Sequence[str] | None = None
    paused_since: datetime | None = None
    is_disabled: bool = False


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything on one screen; strays belong to no account."""

    at: datetime
    accounts: Sequence[AccountOverview]
    strays_parked: int | None
    broker: BrokerState | None


def compose(
    accounts: Collection[str],
    readings: Readings,
    *,
    now: datetime,
    disabled: Collection[str] = (),
) -> Overview:
    """Return what is known of the configured accounts, and of others that have work."""
    ledger, traffic = readings.ledger, readings.traffic
    names = sorted(accounts)
    if ledger is not None and _has_others(ledger.state, accounts):
        names.append(OTHER)
    return Overview(
        at=now,
        accounts=[
            replace(
                _account(name, accounts, ledger, traffic.get(name), now),
                is_disabled=name in disabled,
            )
            for name in names
        ],
        strays_parked=None if ledger is None else ledger.state.strays,
        broker=readings.broker,
    )


def _has_others(state: LedgerState, accounts: Collection[str]) -> bool:
    return any(key[0] not in accounts for key in (*state.orders, *state.commands))


def _account(
    name: str,
    accounts: Collection[str],
    ledger: LedgerReading | None,
    usage: Usage | None,
    now: datetime,
) -> AccountOverview:
    lag, orders, commands, poll = None, None, None, None
    if ledger is not None:
        state, waiting = ledger.state, ledger.waiting
        lag = _lag(state, name, accounts, now)
        orders = _work(name, accounts, state.orders, waiting.orders, state.orders_parked)
        commands = _work(name, accounts, state.commands, waiting.commands, state.commands_parked)
        poll = ledger.polls.get(name)
    rests_until = poll.rests_until if poll else None
    pause = usage.pause if usage else None
    return AccountOverview(
        account=name,
        lag_seconds=lag,
        orders=orders,
        commands=commands,
        polled_at=poll.at if poll else None,
        last_successful_poll_at=poll.succeeded_at if poll else None,
        poll_rests_until=rests_until if rests_until and rests_until > now else None,
        budget=usage.used if usage else None,
        erp_budget=usage.erp if usage else None,
        erp_held_seconds=usage.erp_held_seconds if usage else 0.0,
        open_breakers=_open_breakers(usage),
        paused_since=datetime.fromtimestamp(pause.since, UTC) if pause else None,
    )


def _lag(state: LedgerState, name: str, accounts: Collection[str], now: datetime) -> float:
    since = [at for key, at in state.oldest_order.items() if one_of(key[0], accounts) == name]
    return max((now - min(since)).total_seconds(), 0.0) if since else 0.0


def _work(
    name: str,
    accounts: Collection[str],
    standings: Mapping[Key, int],
    waiting: Mapping[Key, int],
    parked: Mapping[Key, int],
) -> WorkCounts:
    by_standing = _by_last(standings, name, accounts)
    return WorkCounts(
        in_flight=sum(by_standing.get(standing, 0) for standing in _IN_FLIGHT),
        waiting=_by_last(_by_true_cause(waiting), name, accounts),
        parked=_by_last(parked, name, accounts),
    )


def _by_true_cause(waiting: Mapping[Key, int]) -> Mapping[Key, int]:
    totals: Counter[Key] = Counter()
    for (account, step, cause), number in waiting.items():
        totals[account, cause_behind(step, cause)] += number
    return totals


def _by_last(numbers: Mapping[Key, int], name: str, accounts: Collection[str]) -> Mapping[str, int]:
    """Return an account's numbers summed by the last part of their keys, the largest first."""
    totals: Counter[str] = Counter()
    for key, number in numbers.items():
        if one_of(key[0], accounts) == name:
            totals[key[-1]] += number
    return dict(totals.most_common())


def _open_breakers(usage: Usage | None) -> Sequence[str] | None:
    if usage is None or usage.used is None:
        return None
    return [breaker.name for breaker in usage.breakers if breaker.standing is not Circuit.CLOSED]
