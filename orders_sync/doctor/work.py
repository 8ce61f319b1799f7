"""Judges work by how long it waits, of accounts and of endpoints, the true cause first.

`orders-sync status`, `orders-sync doctor` and the alerts `OrdersSyncOrdersLate`,
`OrdersSyncCommandsLate` and `OrdersSyncToldByOne` have these bounds in common.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from orders_sync.database_engines import is_missing
from orders_sync.doctor.findings import Finding, State
from orders_sync.doctor.readings import EndpointReading, LedgerReading, read_ledger
from orders_sync.domain.rules import OPEN
from orders_sync.domain.time import Clock
from orders_sync.domain.words import count_of, in_words
from orders_sync.errors import ErpUnavailable, OrdersSyncError, Unavailable
from orders_sync.ledger.accounts import LastRun
from orders_sync.ledger.endpoints import Endpoint
from orders_sync.ledger.gauges import Key, LedgerState
from orders_sync.ledger.outbox_log import Backlog
from orders_sync.settings import Settings
from orders_sync.token_store import trouble_of
from orders_sync.traffic.waits import BreakerOpen
from orders_sync.worker.calls import cause_behind

#: Orders in flight, and a peer that does not answer, need a person after so long.
LATE_ORDERS: Final = timedelta(minutes=15)

#: Feed and hook tell the same within so long.
SILENT: Final = timedelta(minutes=15)

#: The same for invoices and cancellations.
LATE_COMMANDS: Final = timedelta(hours=1)

URGENT_KINDS: Final = ("invoice", "cancel")

ENDPOINTS: Final = "endpoints"

#: An endpoint that fails, or has its events late, needs a person after so long.
_LATE_ENDPOINT: Final = timedelta(minutes=15)

#: Why an endpoint was switched off, where no person did it.
_GONE: Final = "gone"
_FAILED: Final = "failing"

#: What a VTEX account may be called; anybody may send a message that names something else.
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,60}")

_OTHER: Final = "other"

_MAX_NAMES: Final = 5

_PEERS: Final = (
    (
        ErpUnavailable.cause,
        "ERP",
        "See to the ERP; orders-sync doctor says how it fails. The work goes on by itself then.",
    ),
    (
        Unavailable.cause,
        "VTEX",
        "See https://status.vtex.com, and orders-sync doctor. The work goes on by itself then.",
    ),
)

#: How a pull ends while the ERP does not answer.
_PULL_FAILURES: Final = frozenset({ErpUnavailable.__name__, BreakerOpen.__name__})


def examine_work(settings: Settings, *, clock: Clock) -> Iterator[Finding]:
    """Examine what waits for too long; a ledger that cannot be read is another probe's finding."""
    if is_missing(settings.ledger):
        return
    try:
        reading = read_ledger(settings, clock)
    except OrdersSyncError:
        return
    now = clock()
    for account in settings.enabled_accounts:
        outages = list(judge_peers(account, reading, now=now))
        yield from outages or judge_lateness(account, reading.state, now=now)
        yield from judge_silence(account, reading.state, now=now)
        yield from judge_tokens(account, reading, now=now)
    yield from judge_unconfigured(settings.accounts, reading.state, now=now)
    yield from judge_endpoints(reading.endpoints, now=now)


def judge_peers(account: str, reading: LedgerReading, *, now: datetime) -> Iterator[Finding]:
    """Yield the ERP, or VTEX, where work of the account has waited for it for too long."""
    state, waiting = reading.state, reading.waiting
    for cause, peer, do in _PEERS:
        failing = [at for key, at in waiting.failing.items() if _waits(key, account, cause)]
        if peer == "ERP":
            failing += _pull_failing(reading.pulls.get(account))
        if not failing or now - min(failing) <= LATE_ORDERS:
            continue
        since = min(failing)
        says = (
            f"calls to it fail since {since:%Y-%m-%d %H:%M} UTC, for {_span(since, now)} "
            f"({cause}); in flight: {count_of(_in_flight(state.orders, account), 'order')}, "
            f"{count_of(_in_flight(state.commands, account), 'command')}"
        )
        yield Finding(account, peer, State.FAILED, says, do)


def judge_tokens(account: str, reading: LedgerReading, *, now: datetime) -> Iterator[Finding]:
    """Yield a finding where a person has to give tokens of the account's ERP."""
    kept = reading.tokens.get(account)
    trouble = trouble_of(kept, now=now) if kept else None
    if trouble is not None:
        do = (
            f"Give new ones: orders-sync accounts token {account}; or have those tried that are "
            f"kept: orders-sync accounts token --retry {account}"
        )
        yield Finding(account, "ERP tokens", State.FAILED, trouble, do)


def judge_lateness(account: str, state: LedgerState, *, now: datetime) -> Iterator[Finding]:
    """Yield the oldest order and commands of the account where they are late."""
    orders = [at for key, at in state.oldest_order.items() if key[0] == account]
    if orders and now - min(orders) > LATE_ORDERS:
        says = f"the oldest in flight was asked for {_span(min(orders), now)} ago"
        do = f"orders-sync orders list --older-than 15m --standing waiting --account {account}"
        yield Finding(account, "orders", State.WARNING, says, do)
    for kind in URGENT_KINDS:
        since = state.oldest_command.get((account, kind))
        if since is not None and now - since > LATE_COMMANDS:
            says = f"the oldest {kind} was asked for {_span(since, now)} ago"
            do = f"orders-sync commands list --kind {kind} --older-than 1h --account {account}"
            yield Finding(account, "commands", State.WARNING, says, do, kind)


def judge_silence(account: str, state: LedgerState, *, now: datetime) -> Iterator[Finding]:
    """Yield the feed, or the hook, where only the other one tells of changes."""
    for silent, heard, since in (
        ("feed", "hook", state.feed_silent.get((account,))),
        ("hook", "feed", state.hook_silent.get((account,))),
    ):
        if since is not None and now - since > SILENT:
            says = (
                f"the {heard} was heard, the {silent} was not, since {since:%Y-%m-%d %H:%M} UTC, "
                f"for {_span(since, now)}"
            )
            do = f"orders-sync {silent} show --account {account}"
            yield Finding(account, f"{silent} heard", State.WARNING, says, do)


def judge_unusable(troubles: Mapping[str, str]) -> Iterator[Finding]:
    """Yield the accounts of the ledger that cannot be used here, and why; by their names."""
    for account, reason in sorted(troubles.items()):
        yield Finding(
            account,
            "kept",
            State.FAILED,
            reason,
            "Give every process the key (ORDERS_SYNC_SECRETS_KEY) or the place that it names, or "
            f"give the account anew: orders-sync accounts set {account} --from FILE",
        )


def judge_unconfigured(
    accounts: Collection[str], state: LedgerState, *, now: datetime
) -> Iterator[Finding]:
    """Yield a finding of late work of accounts that are not configured here: no worker takes it.

    What does not look like an account's name is not quoted.
    """
    since = [
        at
        for ages in (state.oldest_order, state.oldest_command)
        for key, at in ages.items()
        if key[0] not in accounts
    ]
    if not since or now - min(since) <= LATE_ORDERS:
        return
    orders, commands = (
        {key: n for key, n in counts.items() if key[0] not in accounts and key[-1] in OPEN}
        for counts in (state.orders, state.commands)
    )
    names = sorted({key[0] for key in (*orders, *commands) if _NAME.fullmatch(key[0])})
    more = ", ..." if len(names) > _MAX_NAMES else ""
    named = f": {', '.join(names[:_MAX_NAMES])}{more}" if names else ""
    says = (
        f"{count_of(sum(orders.values()), 'order')} and "
        f"{count_of(sum(commands.values()), 'command')} in flight are of "
        f"accounts that are not configured here{named}"
    )
    example = names[0] if names else "NAME"
    yield Finding(
        _OTHER,
        "not configured",
        State.WARNING,
        says,
        f"Set ORDERS_SYNC_ACCOUNTS__{example.upper()}__APP_KEY and the rest; or, "
        "where a name was a slip, ask again with the right one. "
        f"See: orders-sync commands list --account {example}",
    )


def judge_endpoints(reading: EndpointReading, *, now: datetime) -> Iterator[Finding]:
    """Yield which endpoints need a person; one that a person switched off does not."""
    for endpoint in reading.endpoints:
        yield from _judge_endpoint(endpoint, reading.backlogs.get(endpoint.id, Backlog()), now)


def _judge_endpoint(endpoint: Endpoint, backlog: Backlog, now: datetime) -> Iterator[Finding]:
    name, since = endpoint.id, endpoint.failing_since
    if endpoint.off_at is not None:
        off, waiting = f"{endpoint.off_at:%Y-%m-%d %H:%M}", count_of(backlog.waiting, "event")
        if endpoint.off_why in {_GONE, _FAILED}:
            says = (
                f"it is off since {off} UTC: it answered 410, which says that it is gone; "
                f"{waiting} for it"
                if endpoint.off_why == _GONE
                else f"it is off since {off} UTC: it failed for too long; {waiting} for it"
            )
            do = (
                f"Mend it, then: orders-sync endpoints enable {name}; or: orders-sync endpoints "
                f"remove {name}"
            )
            yield Finding(ENDPOINTS, name, State.WARNING, says, do, cause="off")
        return
    if since is not None and now - since > _LATE_ENDPOINT:
        says = (
            f"it takes nothing since {since:%Y-%m-%d %H:%M} UTC, for "
            f"{in_words((now - since).total_seconds())}; {count_of(backlog.waiting, 'event')} wait"
        )
        yield Finding(
            ENDPOINTS,
            name,
            State.WARNING,
            says,
            f"orders-sync endpoints show {name}",
            cause="failing",
        )
    elif backlog.since is not None and now - backlog.since > _LATE_ENDPOINT and since is None:
        span = in_words((now - backlog.since).total_seconds())
        says = f"{count_of(backlog.waiting, 'event')} wait, the oldest for {span}"
        do = f"Does a worker serve the queue events? See: orders-sync endpoints show {name}"
        yield Finding(ENDPOINTS, name, State.WARNING, says, do, cause="late")
    if backlog.given_up:
        says = f"{count_of(backlog.given_up, 'event')} were given up within a day"
        do = (
            f"See why (orders-sync endpoints show {name}), then: orders-sync endpoints replay "
            f"{name} --last 2d"
        )
        yield Finding(ENDPOINTS, name, State.WARNING, says, do, cause="given_up")


def _span(since: datetime, now: datetime) -> str:
    return in_words((now - since).total_seconds())


def _in_flight(counts: Mapping[Key, int], account: str) -> int:
    return sum(n for key, n in counts.items() if key[0] == account and key[-1] in OPEN)


def _waits(key: Key, account: str, cause: str) -> bool:
    of_account, step, its_cause = key
    return of_account == account and cause_behind(step, its_cause) == cause


def _pull_failing(pull: LastRun | None) -> list[datetime]:
    """Return since when the ERP was asked in vain for what it wants, if it is."""
    if pull is None or pull.failure not in _PULL_FAILURES or pull.succeeded_at is None:
        return []
    return [pull.succeeded_at]
