"""Numbers and times as they read in a sentence."""

from __future__ import annotations

from datetime import UTC, datetime


def count_of(number: int, noun: str) -> str:
    """Return a number with its noun: 1 order, 2 orders. An `s` makes the plural."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def was_or_were(number: int) -> str:
    """Return the verb that follows so many, for what is past."""
    return "was" if number == 1 else "were"


def at(moment: datetime) -> str:
    """Return an instant as a person reads it."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def in_words(seconds: float) -> str:
    """Return a length of time as a person says it: 35 s, 12 min, 5 h, 3 d."""
    for unit, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= unit * 2:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} s"
