"""What of an overview needs a person.

What ends by itself does not: a lag, a breaker that is open, a budget that is used up. A feed that
was not read for long does, whatever the reason: no new order comes in.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from orders_sync.doctor.findings import Finding, State
from orders_sync.doctor.ledger import judge_polls
from orders_sync.doctor.traffic import judge_usage, sick_processes
from orders_sync.doctor.workers import judge_held
from orders_sync.metrics.labels import OTHER
from orders_sync.status.overview import AccountOverview, LedgerReading, Overview, Readings

#: As in the alert that means the same.
_UNREAD: Final = timedelta(minutes=15)


def judge(
    overview: Overview, readings: Readings, *, poll_seconds: float, lease_seconds: float
) -> Iterator[Finding]:
    """Say what a person must see to, one finding each; none where that is nothing."""
    yield from readings.troubles
    for account in overview.accounts:
        yield from _parked(account)
        if account.account == OTHER:
            continue
        usage = readings.traffic.get(account.account)
        if usage is not None and (usage.pause or usage.forbidden or sick_processes(usage)):
            yield judge_usage(usage)
        if readings.ledger is not None:
            yield from _late_poll(account, readings.ledger, poll_seconds, overview.at)
    held = judge_held(readings.workers, lease_seconds)
    yield from (finding for finding in held if finding.state is not State.OK)
    if overview.strays_parked:
        says = f"{overview.strays_parked} messages came that no task can take"
        yield Finding("strays", "parked", State.WARNING, says, "orders-sync parked list")


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
    for kind, work in (("orders", account.orders), ("commands", account.commands)):
        if work is not None and work.parked:
            causes = ", ".join(f"{cause or '?'} {n}" for cause, n in work.parked.items())
            of_account = "" if account.account == OTHER else f" --account {account.account}"
            yield Finding(
                account.account,
                f"parked {kind}",
                State.WARNING,
                f"{sum(work.parked.values())}: {causes}",
                f"orders-sync parked list{of_account}",
            )
