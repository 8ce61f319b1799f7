"""Days and instants that people type, in UTC unless they name an offset."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import click

#: VTEX shows no order that is older.
_OLDEST = timedelta(days=2 * 365)


class Moment(click.ParamType[datetime]):
    """A day, or an instant of one; with `is_end` a day means until its end."""

    name = "date"

    def __init__(self, *, is_end: bool = False) -> None:
        self._is_end = is_end

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Read the day or the instant."""
        if isinstance(value, datetime):
            return value
        text = str(value).strip()
        try:
            if len(text) == len("2026-11-27"):
                day = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
                return day + timedelta(days=1) if self._is_end else day
            moment = datetime.fromisoformat(text)
        except (ValueError, OverflowError):
            self.fail(f"{text!r} is no date; write 2026-11-27 or 2026-11-27T18:30Z", param, ctx)
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def require_span(start: datetime, end: datetime, *, now: datetime) -> None:
    """Refuse a span that holds no order that VTEX would show.

    Raises:
        click.UsageError: the message says which end of it is wrong.
    """
    if start >= end:
        raise click.UsageError(f"--from {start:%Y-%m-%d %H:%M} must lie before --to.")
    if start > now:
        raise click.UsageError(f"--from {start:%Y-%m-%d %H:%M} UTC is yet to come.")
    if end < now - _OLDEST:
        raise click.UsageError("--to lies more than two years back, and VTEX shows nothing there.")
