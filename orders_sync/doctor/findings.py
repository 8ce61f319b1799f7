"""What an examination finds: one line each, ok or what to do about it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from orders_sync.errors import ConfigurationError, OrdersSyncError

#: The check that a part fails which cannot be read.
REACHABLE: Final = "reachable"


class State(StrEnum):
    """How something stands."""

    OK = "ok"
    WARNING = "warning"  # It works, and a person should look at it.
    FAILED = "failed"  # It does not work.
    UNCONFIGURED = "unconfigured"  # A setting must be corrected first.
    NOT_PROBED = "not probed"  # Nobody knows; `says` tells why.


#: The exit status of an examination whose gravest finding is this.
_STATUSES = {State.UNCONFIGURED: 3, State.FAILED: 1, State.WARNING: 1}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; no word of it is secret or personal.

    `subject` is what was looked at, such as `broker` or `capacity`, or the name of an account.
    `cause` tells apart what one check finds more than once.
    """

    subject: str
    check: str
    state: State
    says: str
    do: str | None = None
    cause: str | None = None


def exit_status(findings: Iterable[Finding]) -> int:
    """Return 0 where all is well, 1 where something needs a person, 3 where a setting is wrong."""
    return max((_STATUSES.get(finding.state, 0) for finding in findings), default=0)


def of_error(subject: str, check: str, error: Exception) -> Finding:
    """Return a finding of an error; the text of one that is not ours may hold secrets."""
    if isinstance(error, ConfigurationError):
        return Finding(subject, check, State.UNCONFIGURED, str(error))
    if isinstance(error, OrdersSyncError):
        return Finding(subject, check, State.FAILED, str(error))
    return Finding(subject, check, State.FAILED, f"It failed with {type(error).__name__}.")


_BEARABLE_SECONDS = 5.0


def compare_clocks(subject: str, theirs: datetime, ours: datetime) -> Finding:
    """Return how far this machine's clock is from another's.

    Leases and due times go by this machine's clock, and others judge them by theirs.
    """
    ahead = (ours - theirs).total_seconds()
    if abs(ahead) <= _BEARABLE_SECONDS:
        return Finding(subject, "clock", State.OK, f"within {_BEARABLE_SECONDS:g} s of this one")
    way = "ahead of" if ahead > 0 else "behind"
    return Finding(
        subject,
        "clock",
        State.WARNING,
        f"this machine's clock is {abs(ahead):.0f} s {way} it",
        "Have both set by NTP: a tick that seems two minutes late is dropped.",
    )
