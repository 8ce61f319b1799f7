"""Words values as VTEX's JSON wants them, and refuses what VTEX would misread. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from orders_sync.errors import ParkedError


def not_sendable(what: str, hint: str) -> ParkedError:
    """Make the error for a command that VTEX would refuse or misread, so it was not sent.

    `what` and `hint` carry no personal data.
    """
    return ParkedError(f"{what}; VTEX was not asked.", cause="vtex.not_sendable", hint=hint)


def without_nones(**fields: Any) -> dict[str, Any]:
    """Leave out what is None: VTEX takes a field that is absent where it refuses null."""
    return {name: value for name, value in fields.items() if value is not None}


def moment_text(moment: datetime, field: str) -> str:
    """Word an instant with its offset, `2024-01-31T18:25:43-05:00`; VTEX reads none as UTC.

    Raises:
        ParkedError: the instant has no offset.
    """
    if moment.utcoffset() is None:
        raise not_sendable(
            f"{field} has no offset from UTC", f"Give {field} as 2024-01-31T18:25:43-05:00."
        )
    return moment.isoformat(timespec="seconds")


def day_text(day: date) -> str:
    """Word the day of a tracking event, `2015-06-23`; of an instant, the day in its own offset."""
    return day.strftime("%Y-%m-%d") if isinstance(day, datetime) else day.isoformat()


def minute_text(moment: datetime) -> str:
    """Word the time of a delivery, `2022-10-01 21:15`, as the clock showed where it was taken."""
    return moment.replace(tzinfo=None).isoformat(sep=" ", timespec="minutes")


def require_text(text: str, field: str) -> str:
    """Take a text that is not empty.

    Raises:
        ParkedError: it is empty or blank.
    """
    if not text.strip():
        raise not_sendable(f"{field} is empty", f"Give {field} a text.")
    return text


def require_positive(number: int, field: str) -> int:
    """Take a whole number above zero.

    Raises:
        ParkedError: it is not one.
    """
    if number <= 0:
        raise not_sendable(f"{field} is {number}", f"Give {field} a whole number above 0.")
    return number


def require_distinct(skus: Iterable[str], field: str) -> None:
    """Refuse a SKU that stands on two lines: VTEX then refunds and matches the wrong line.

    https://help.vtex.com/en/known-issues

    Raises:
        ParkedError: a SKU repeats; the message names it.
    """
    seen: dict[str, None] = {}
    for sku in skus:
        if sku in seen:
            raise not_sendable(
                f"{field} names SKU {sku} twice", f"Add the quantities of SKU {sku} up in one item."
            )
        seen[sku] = None
