"""Which cause is told, and when: once it lasts, again after hours, and once it is over. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Final

from orders_sync.doctor.findings import REACHABLE, Finding, State
from orders_sync.terminal import legible

#: What tells causes apart: subject, check and cause of a finding.
Key = tuple[str, str, str]


class AlertEvent(StrEnum):
    """What is told of a cause."""

    NEEDED = "needed"  # It needs a person.
    AGAIN = "again"  # It still does.
    OVER = "over"  # It does no longer.


@dataclass(frozen=True, slots=True)
class Alert:
    """One cause of one account, from when it was first seen until all were told that it is over.

    `finding` is what was seen last. The cause is there since `since`, and was not seen any more
    since `gone_at`. `event` is what was last to be told, at `told_at`, as the message number
    `number`; the channels in `owed` have not taken it yet.
    """

    finding: Finding
    since: datetime
    gone_at: datetime | None = None
    event: AlertEvent | None = None
    told_at: datetime | None = None
    number: int = 0
    owed: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        """Return what tells it apart from others."""
        return key_of(self.finding)

    @property
    def is_over(self) -> bool:
        """Whether it is over, and only that is still to be sent."""
        return self.event is AlertEvent.OVER

    @property
    def message_id(self) -> str:
        """Return the id of its message, which one that is told twice has twice."""
        text = "|".join((*self.key, self.since.isoformat(), str(self.number)))
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def facts(self) -> dict[str, str]:
        """Return what is told: ids, counts and words of ours, and nothing personal."""
        finding = self.finding
        facts = {
            "id": self.message_id,
            "event": str(self.event),
            "subject": finding.subject,
            "check": finding.check,
            "cause": finding.cause or "",
            "state": finding.state.value,
            "says": finding.says,
            "do": finding.do or "",
            "since": f"{self.since:%Y-%m-%dT%H:%M:%SZ}",
            "at": f"{self.told_at or self.since:%Y-%m-%dT%H:%M:%SZ}",
        }
        return {name: legible(value) for name, value in facts.items()}


@dataclass(frozen=True, slots=True)
class Rules:
    """A cause is told once it lasts, and is over once it is gone for as long; told again meanwhile.

    `channels` names those that are told.
    """

    lasts: timedelta
    again: timedelta
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class QuietHours:
    """The hours of each day, by the machine's clock, in which nobody is woken."""

    start: time
    end: time

    def covers(self, at: time) -> bool:
        """Check whether a time of day is among them; they may last over midnight."""
        if self.start <= self.end:
            return self.start <= at < self.end
        return at >= self.start or at < self.end


#: The event's words, for people.
WORDS: Final = {
    AlertEvent.NEEDED: "needs a person",
    AlertEvent.AGAIN: "still needs a person",
    AlertEvent.OVER: "is over",
}


def key_of(finding: Finding) -> Key:
    """Return what tells a finding's cause apart from others."""
    return finding.subject, finding.check, finding.cause or ""


def follow(
    alerts: Collection[Alert],
    findings: Sequence[Finding],
    rules: Rules,
    *,
    now: datetime,
) -> list[Alert]:
    """Return the alerts after a look; those that owe something are to be told.

    While a part cannot be read, what is not seen may be there all the same, and so may what
    another failure of its subject hides: it is not over.
    """
    known = {alert.key: alert for alert in alerts}
    # Of several findings of one cause the first is told.
    seen: dict[Key, Finding] = {}
    for finding in findings:
        seen.setdefault(key_of(finding), finding)
    return list(_follow(known, seen, rules, now))


def _follow(
    known: Mapping[Key, Alert], seen: Mapping[Key, Finding], rules: Rules, now: datetime
) -> Iterator[Alert]:
    is_blind = any(finding.check == REACHABLE for finding in seen.values())
    failing = {finding.subject for finding in seen.values() if finding.state is State.FAILED}
    for key, finding in seen.items():
        yield _seen(known.get(key), finding, rules, now)
    for key, alert in known.items():
        if key in seen:
            continue
        is_hidden = alert.finding.check != REACHABLE and (
            is_blind or alert.finding.subject in failing
        )
        following = alert if is_hidden and not alert.is_over else _not_seen(alert, rules, now)
        if following is not None:
            yield following


def _seen(alert: Alert | None, finding: Finding, rules: Rules, now: datetime) -> Alert:
    if alert is None or alert.is_over:
        alert = Alert(finding, since=now)
    alert = replace(alert, finding=finding, gone_at=None)
    if alert.told_at is None:
        is_due, event = now - alert.since >= rules.lasts, AlertEvent.NEEDED
    else:
        is_due, event = now - alert.told_at >= rules.again, AlertEvent.AGAIN
    return _tell(alert, event, rules, now) if is_due else alert


def _not_seen(alert: Alert, rules: Rules, now: datetime) -> Alert | None:
    """Return an alert that is gone for now; None where nothing is left to be told of it."""
    if alert.is_over:
        return alert if alert.owed else None
    gone_at = alert.gone_at or now
    if now - gone_at < rules.lasts:
        return replace(alert, gone_at=gone_at)
    return None if alert.told_at is None else _tell(alert, AlertEvent.OVER, rules, now)


def _tell(alert: Alert, event: AlertEvent, rules: Rules, now: datetime) -> Alert:
    return replace(
        alert, event=event, told_at=now, number=alert.number + 1, owed=tuple(rules.channels)
    )
