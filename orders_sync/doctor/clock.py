"""Compares clocks: leases and due times go by this machine's, and others judge them by theirs."""

from __future__ import annotations

from datetime import datetime

from orders_sync.doctor.findings import Finding, State

_BEARABLE_SECONDS = 5.0


def compare_clocks(subject: str, theirs: datetime, ours: datetime) -> Finding:
    """Say how far this machine's clock is from another's."""
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
