"""Reads how all accounts stand, and judges what of it needs a person, the true cause first.

What ends by itself does not, unless it lasts: a lag, a breaker that is open, a budget that is used
up. What it is a consequence of is told in its place.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from orders_sync.doctor.bounded import BoundedCall
from orders_sync.doctor.broker import BROKER
from orders_sync.doctor.findings import REACHABLE, Finding, State
from orders_sync.doctor.ledger import LEDGER, judge_polls
from orders_sync.doctor.readings import LedgerReading, read_broker, read_ledger, read_traffic
from orders_sync.doctor.traffic import TRAFFIC, judge_usage, sick_processes
from orders_sync.doctor.work import (
    judge_endpoints,
    judge_lateness,
    judge_peers,
    judge_silence,
    judge_tokens,
    judge_unconfigured,
    judge_unusable,
)
from orders_sync.doctor.workers import explain_late_polls, judge_consumption, judge_held
from orders_sync.domain.steps import Queue
from orders_sync.domain.time import Clock
from orders_sync.domain.words import count_of
from orders_sync.errors import OrdersSyncError
from orders_sync.metrics.labels import OTHER, cause_label
from orders_sync.roster import settings_in_force
from orders_sync.settings import Settings
from orders_sync.status.overview import AccountOverview, Overview, Readings, compose
from orders_sync.terminal import command_line

#: As in the alert that means the same.
_UNREAD: Final = timedelta(minutes=15)


def look(settings: Settings, *, clock: Clock) -> tuple[Overview, Sequence[Finding]]:
    """Return how every account stands, and what needs a person; it takes ten seconds at most."""
    troubles: Mapping[str, str] = {}
    with suppress(OrdersSyncError):
        # Reading the ledger says what is wrong with it.
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
    return overview, [*judge_unusable(troubles), *needs]


def read_all(settings: Settings, *, clock: Clock, seconds: float = 10.0) -> Readings:
    """Read every part at once; all of it takes `seconds` at most."""
    ledger = BoundedCall(LEDGER, REACHABLE, lambda: read_ledger(settings, clock))
    broker = BoundedCall(BROKER, REACHABLE, lambda: read_broker(settings))
    traffic = BoundedCall(TRAFFIC, REACHABLE, lambda: read_traffic(settings))
    deadline = time.monotonic() + seconds
    in_ledger, no_ledger = ledger.result(deadline, seconds)
    in_broker, no_broker = broker.result(deadline, seconds)
    state, workers = in_broker or (None, ())
    usages, no_traffic = traffic.result(deadline, seconds)
    missing = (no_ledger, no_broker, no_traffic)
    troubles = [finding for finding in missing if finding is not None]
    return Readings(in_ledger, state, usages or {}, troubles, workers)


def judge(
    overview: Overview,
    readings: Readings,
    *,
    poll_seconds: float,
    lease_seconds: float,
    silence_seconds: float,
) -> Iterator[Finding]:
    """Yield what a person must see to, one finding each; none where that is nothing."""
    yield from readings.troubles
    workers = [
        finding
        for finding in (
            *judge_consumption(readings.workers, silence_seconds),
            *judge_held(readings.workers, lease_seconds),
        )
        if finding.state is not State.OK
    ]
    accounts = [
        finding
        for account in overview.accounts
        if account.account != OTHER and not account.is_disabled
        for finding in _account(account, overview, readings, poll_seconds)
    ]
    ticks = overview.broker.waiting.get(Queue.FEED, 0) if overview.broker else 0
    blamed = explain_late_polls([*workers, *accounts], ticks=ticks, workers=readings.workers)
    yield from (finding for finding in blamed if finding.state is not State.NOT_PROBED)
    if readings.ledger is not None:
        names = [account.account for account in overview.accounts]
        yield from judge_unconfigured(names, readings.ledger.state, now=overview.at)
        yield from judge_endpoints(readings.ledger.endpoints, now=overview.at)
    for account in overview.accounts:
        yield from _parked(account)
    if overview.strays_parked:
        says = f"{count_of(overview.strays_parked, 'message')} came that no task can take"
        yield Finding("strays", "parked", State.WARNING, says, "orders-sync parked list")


def _account(
    account: AccountOverview, overview: Overview, readings: Readings, poll_seconds: float
) -> Iterator[Finding]:
    """Yield what keeps an account's work back, and only where nothing does that it is late."""
    name, ledger, now = account.account, readings.ledger, overview.at
    causes: list[Finding] = []
    usage = readings.traffic.get(name)
    if usage is not None and (usage.pause or usage.forbidden or sick_processes(usage)):
        causes.append(judge_usage(usage))
    if ledger is not None:
        causes += judge_peers(name, ledger, now=now)
        causes += _late_poll(account, ledger, poll_seconds, now)
        yield from judge_silence(name, ledger.state, now=now)
        yield from judge_tokens(name, ledger, now=now)
    yield from causes
    if ledger is not None and not causes:
        yield from judge_lateness(name, ledger.state, now=now)


def _late_poll(
    account: AccountOverview, ledger: LedgerReading, poll_seconds: float, now: datetime
) -> Iterator[Finding]:
    """Yield a finding of a feed that nobody polls, or that no poll has read for long."""
    finding = judge_polls(account.account, ledger.polls, poll_seconds, now=now)
    if finding.state is not State.OK:
        yield finding
        return
    last = account.last_successful_poll_at
    if account.paused_since is None and (last is None or now - last > _UNREAD):
        says = (
            "no poll has read it yet"
            if last is None
            else f"no poll has read it since {last:%Y-%m-%d %H:%M} UTC"
        )
        yield Finding(account.account, "feed", State.FAILED, says, "orders-sync doctor")


def _parked(account: AccountOverview) -> Iterator[Finding]:
    """Yield one finding a cause; causes that are no word are one."""
    of_account = () if account.account == OTHER else ("--account", account.account)
    for kind, work in (("orders", account.orders), ("commands", account.commands)):
        numbers: Counter[str] = Counter()
        for cause, number in (work.parked if work else {}).items():
            numbers[cause_label(cause)] += number
        for cause, number in numbers.most_common():
            of_cause = () if cause == OTHER else ("--cause", cause)
            yield Finding(
                account.account,
                f"parked {kind}",
                State.WARNING,
                f"{number}: {cause}",
                command_line("orders-sync", "parked", "list", *of_account, *of_cause),
                cause,
            )
