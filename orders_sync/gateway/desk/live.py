"""The state of the system: one reading of ledger, broker and traffic that all pages share."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from orders_sync.doctor.findings import Finding
from orders_sync.domain.time import Clock
from orders_sync.errors import LedgerUnavailable
from orders_sync.gateway.rights import Rights, Scope
from orders_sync.ledger import Ledger
from orders_sync.ledger.gauges import BARS, Bars
from orders_sync.metrics.labels import OTHER
from orders_sync.roster import Roster
from orders_sync.status.overview import AccountOverview, Overview
from orders_sync.status.reading import look

log = structlog.get_logger(__name__)

#: A reading is taken at most so often, and only while somebody looks.
REFRESH_SECONDS: Final = 5.0
_STALE_SECONDS: Final = 60.0
#: A page is shown without figures rather than late.
_PATIENCE_SECONDS: Final = 0.1
_SAMPLES: Final = 120

#: Checks of doctor whose findings the pages show otherwise.
_SHOWN_ELSEWHERE: Final = ("parked", "parked orders", "parked commands")


@dataclass(frozen=True, slots=True)
class Sample:
    """The lag of each account at an instant, in seconds."""

    at: datetime
    lags: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Look:
    """One reading; the bars count the orders and commands that came to their end."""

    overview: Overview
    findings: Sequence[Finding]
    configured: frozenset[str]
    orders: Bars
    commands: Bars
    samples: Sequence[Sample]

    def accounts_for(self, rights: Rights) -> Sequence[AccountOverview]:
        """Return the accounts that somebody may see, the worst first."""
        accounts = self.overview.accounts
        visible = [account for account in accounts if _may_see(rights, account.account)]
        return sorted(visible, key=badness, reverse=True)

    def findings_for(self, rights: Rights, account: str | None) -> Sequence[Finding]:
        """Return the findings for one account or for all, without those of parked work."""
        return [
            finding
            for finding in self.findings
            if finding.check not in _SHOWN_ELSEWHERE
            and account in {None, finding.subject}
            and (finding.subject not in self.configured or _may_see(rights, finding.subject))
            and (finding.subject in self.configured or rights.accounts is None)
        ]

    def bars_for(self, rights: Rights) -> tuple[Sequence[int], Sequence[int]]:
        """Return the orders, and the commands, of each bar, of all that somebody may see."""
        return _sums(self.orders, rights), _sums(self.commands, rights)

    def lags_for(self, rights: Rights) -> Sequence[tuple[datetime, float]]:
        """Return the worst lag at each sample of the accounts that somebody may see."""
        return [
            (
                sample.at,
                max((n for name, n in sample.lags.items() if _may_see(rights, name)), default=0.0),
            )
            for sample in self.samples
        ]


class LiveFigures:
    """Takes readings in a thread of its own, while anybody looks at a page."""

    def __init__(
        self,
        read: Callable[[Sequence[Sample]], Look],
        clock: Callable[[], float],
        *,
        patience: float = _PATIENCE_SECONDS,
    ) -> None:
        self._read = read
        self._clock = clock
        self._patience = patience
        self._lock = threading.Lock()
        self._done = threading.Condition(self._lock)
        self._is_reading = False
        self._look: Look | None = None
        self._read_at = 0.0
        self._samples: deque[Sample] = deque(maxlen=_SAMPLES)

    def look(self) -> Look | None:
        """Return the latest reading; None where there is none yet, or none for a while.

        One that is under way is waited for shortly.
        """
        with self._lock:
            age = self._clock() - self._read_at
            if (self._look is None or age >= REFRESH_SECONDS) and not self._is_reading:
                self._is_reading = True
                threading.Thread(target=self._refresh, name="live", daemon=True).start()
            if self._look is None or age >= _STALE_SECONDS:
                self._done.wait_for(lambda: not self._is_reading, self._patience)
            is_stale = self._clock() - self._read_at >= _STALE_SECONDS
            return None if is_stale else self._look

    def _refresh(self) -> None:
        fresh: Look | None = None
        try:
            fresh = self._read(tuple(self._samples))
        except Exception as error:  # noqa: BLE001 - Whatever it is, pages are shown without figures.
            log.warning("desk.not_read", error=type(error).__name__)
        with self._lock:
            if fresh is not None:
                self._look, self._read_at = fresh, self._clock()
                lags = {a.account: a.lag_seconds or 0.0 for a in fresh.overview.accounts}
                self._samples.append(Sample(fresh.overview.at, lags))
            self._is_reading = False
            self._done.notify_all()


def read_figures(roster: Roster, ledger: Ledger, clock: Clock, samples: Sequence[Sample]) -> Look:
    """Take a reading; a part that is away hides no other."""
    settings = roster.settings
    overview, findings = look(settings, clock=clock)
    try:
        finished = ledger.gauges.finished_lately(now=overview.at)
    except LedgerUnavailable:
        # A finding says so.
        finished = ({}, {})
    return Look(overview, findings, frozenset(settings.accounts), *finished, samples)


def badness(account: AccountOverview) -> tuple[float, ...]:
    """Return a sort key: the higher, the worse an account stands; one that is disabled is last."""
    parked = sum(sum(work.parked.values()) for work in (account.orders, account.commands) if work)
    waiting = sum(sum(work.waiting.values()) for work in (account.orders, account.commands) if work)
    return (
        not account.is_disabled,
        account.paused_since is not None,
        len(account.open_breakers or ()),
        account.lag_seconds or 0.0,
        parked,
        waiting,
    )


def _may_see(rights: Rights, account: str) -> bool:
    return rights.allows(Scope.READ, None if account == OTHER else account)


def _sums(bars: Bars, rights: Rights) -> Sequence[int]:
    seen = [numbers for account, numbers in bars.items() if _may_see(rights, account)]
    return [sum(numbers[index] for numbers in seen) for index in range(BARS)]
