"""Reads what a response says about the budget that is left. Pure.

VTEX documents these headers for its Pricing API only, so they are used where they are found:
https://developers.vtex.com/docs/guides/best-practices-for-avoiding-rate-limit-errors
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

#: Finds a header of a response, whatever its case.
Header = Callable[[str], str | None]

_PREFIXES: Final = ("Ratelimit", "X-RateLimit")
#: A longer time until the reset is an instant since 1970, or nonsense.
_LONGEST_SECONDS: Final = 3600.0


class BudgetLeft(NamedTuple):
    """So many calls are left for so many seconds."""

    calls: int
    seconds: float


def budget_left(header: Header) -> BudgetLeft | None:
    """Read `Ratelimit-Remaining` and `-Reset`; None where they are missing or make no sense."""
    for prefix in _PREFIXES:
        calls = _number(header(f"{prefix}-Remaining"))
        if calls is None:
            continue
        seconds = _number(header(f"{prefix}-Reset"))
        if seconds is not None and 0 < seconds <= _LONGEST_SECONDS:
            return BudgetLeft(int(calls), seconds)
    return None


def _number(text: str | None) -> float | None:
    if text is None or not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text.strip()):
        return None
    return float(text)
