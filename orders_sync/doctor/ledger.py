"""Examines the ledger, and what it shows of beat: when each account's feed was last polled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from orders_sync.broker.scripts import STRAYS_LIMIT
from orders_sync.database_engines import is_missing
from orders_sync.doctor.findings import Finding, State, compare_clocks, of_error
from orders_sync.domain.time import Clock
from orders_sync.errors import ConfigurationError, OrdersSyncError
from orders_sync.ledger.accounts import Accounts, Chore, LastRun
from orders_sync.ledger.clock import server_time
from orders_sync.ledger.engine import Database
from orders_sync.ledger.strays import DroppedStrays, Strays
from orders_sync.ledger.versions import require_current
from orders_sync.settings import Settings
from orders_sync.settings_shown import without_passwords

LEDGER = "ledger"
_BEAT = "beat"

#: A poll that is this late, or later than ten of its intervals, is not coming.
_LATE_SECONDS = 60.0


#: How long it is told that strays were dropped, for nobody can bring them back.
_RECENTLY = timedelta(days=7)


def examine_ledger(settings: Settings, *, clock: Clock) -> Iterator[Finding]:
    """Examine the ledger's database, its tables and its clock, and the last polls."""
    if is_missing(settings.ledger):
        do = "Make it: orders-sync db upgrade (orders-sync up does it too)."
        yield Finding(LEDGER, "reachable", State.UNCONFIGURED, "it was never made", do)
        yield Finding(_BEAT, "alive", State.NOT_PROBED, "there is no ledger to see it by")
        return
    try:
        database = Database(settings.ledger, read_only=True)
        theirs, ours = server_time(database), clock()
    except OrdersSyncError as error:
        yield of_error(LEDGER, "reachable", error)
        yield Finding(_BEAT, "alive", State.NOT_PROBED, "there is no ledger to see it by")
        return
    try:
        yield from _examine(database, settings, clock, theirs, ours)
    finally:
        database.close()


def _examine(
    database: Database, settings: Settings, clock: Clock, theirs: datetime | None, ours: datetime
) -> Iterator[Finding]:
    yield Finding(LEDGER, "reachable", State.OK, without_passwords(settings.ledger))
    if theirs is not None:
        yield compare_clocks(LEDGER, theirs, ours)
    try:
        require_current(database)
    except ConfigurationError as error:
        yield of_error(LEDGER, "tables", error)
        yield Finding(_BEAT, "alive", State.NOT_PROBED, "the ledger must be upgraded first")
        return
    yield Finding(LEDGER, "tables", State.OK, "as this version needs them")
    dropped = Strays(database).dropped()
    if dropped is not None and clock() - dropped.seen_at < _RECENTLY:
        yield _strays_dropped(dropped)
    polls = Accounts(database).last_runs(Chore.POLL)
    for account in settings.enabled_accounts:
        yield judge_polls(account, polls, settings.poll_seconds, now=clock())


def judge_polls(
    account: str, polls: Mapping[str, LastRun], poll_seconds: float, *, now: datetime
) -> Finding:
    """Return whether somebody polls an account's feed; `polls` is account: the last poll.

    A feed that is read rarely, since nothing happens in it, is late only after it is due.
    """
    do = "Is beat running? Start: orders-sync up, or celery -A orders_sync beat"
    last = polls.get(account)
    if last is None:
        return Finding(_BEAT, "alive", State.FAILED, f"the feed of {account} was never polled", do)
    age = max((now - last.at).total_seconds(), 0.0)
    late = now - last.alive_at
    says = f"the feed of {account} was polled {age:.0f} s ago"
    if late > timedelta(seconds=max(_LATE_SECONDS, poll_seconds * 10)):
        return Finding(_BEAT, "alive", State.FAILED, says, do)
    return Finding(_BEAT, "alive", State.OK, says)


def _strays_dropped(dropped: DroppedStrays) -> Finding:
    return Finding(
        LEDGER,
        "strays",
        State.WARNING,
        f"{dropped.count} messages that no task can take were dropped by "
        f"{dropped.seen_at:%Y-%m-%d %H:%M} UTC, since the broker keeps no more than "
        f"{STRAYS_LIMIT}",
        "Mend their sender (orders-sync parked list has others of it), and have it send again "
        "what is still wanted. This is told for a week.",
    )
