"""What of an overview needs a person, the true cause first.

What ends by itself does not, unless it lasts: a lag, a breaker that is open, a budget that is used
up. What it is a consequence of is told in its place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from orders_sync.doctor.beat import acquit_beat
from orders_sync.doctor.endpoints import judge_endpoints
from orders_sync.doctor.findings import Finding, State
from orders_sync.doctor.ledger import judge_polls
from orders_sync.doctor.traffic import judge_usage, sick_processes
from orders_sync.doctor.work import (
    LedgerReading,
    judge_lateness,
    judge_peers,
    judge_silence,
    judge_strangers,
    judge_tokens,
)
from orders_sync.doctor.workers import judge_consumption, judge_held
from orders_sync.domain.steps import Queue
from orders_sync.domain.words import count_of
from orders_sync.metrics.labels import OTHER, cause_label
from orders_sync.status.overview import AccountOverview, Overview, Readings
from orders_sync.terminal import command_line

#: As in the alert that means the same.
_UNREAD: Final = timedelta(minutes=15)


def judge(
    overview: Overview,
    readings: Readings,
    *,
    poll_seconds: float,
    lease_seconds: float,
    silence_seconds: float,
) -> Iterator[Finding]:
    """Say what a person must see to, one finding each; none where that is nothing."""
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
    blamed = acquit_beat([*workers, *accounts], ticks=ticks, workers=readings.workers)
    yield from (finding for finding in blamed if finding.state is not State.NOT_PROBED)
    if readings.ledger is not None:
        names = [account.account for account in overview.accounts]
        yield from judge_strangers(names, readings.ledger.state, now=overview.at)
        yield from judge_endpoints(readings.ledger.endpoints, now=overview.at)
    for account in overview.accounts:
        yield from _parked(account)
    if overview.strays_parked:
        says = f"{count_of(overview.strays_parked, 'message')} came that no task can take"
        yield Finding("strays", "parked", State.WARNING, says, "orders-sync parked list")


def _account(
    account: AccountOverview, overview: Overview, readings: Readings, poll_seconds: float
) -> Iterator[Finding]:
    """Say what keeps an account's work, and only where nothing does that it is late."""
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
    """Complain of a feed that nobody polls, or whose polls have not read it for long."""
    finding = judge_polls(account.account, ledger.polls, poll_seconds, now=now)
    if finding.state is not State.OK:
        yield finding
        return
    last = account.last_successful_poll_at
    if account.paused_since is None and (last is None or now - last > _UNREAD):
        since = "yet" if last is None else f"since {last:%Y-%m-%d %H:%M} UTC"
        says = f"no poll has read it {since}"
        yield Finding(account.account, "feed", State.FAILED, says, "orders-sync doctor")


def _parked(account: AccountOverview) -> Iterator[Finding]:
    """Give one finding a cause; causes that are no word are one."""
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
