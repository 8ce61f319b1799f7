"""JSON and timestamps as VTEX writes them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, tzinfo
from functools import cache
from math import isfinite
from typing import Any, Final, TypeVar, overload
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic_core import from_json
from tzlocal.windows_tz import win_tz

T = TypeVar("T")

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

#: No whole number of an order has more; Python refuses those of more than 4,300.
_MOST_DIGITS: Final = 1000

_REPLACEMENT: Final = "\ufffd"

#: Half characters, and what stands where a byte was no part of one.
_BROKEN: Final = re.compile("[\ud800-\udfff\ufffd]")

#: Half characters, and the controls that databases or XML have no form for.
_UNFIT: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def parse_json(text: bytes) -> Any:
    """Parse a JSON text.

    Raises:
        ValueError: it is none. The error carries nothing of the text.
    """
    text = text.removeprefix(_BYTE_ORDER_MARK)
    try:
        return from_json(text)
    except ValueError:
        return _parse_leniently(text)


def _parse_leniently(text: bytes) -> Any:
    """Take half characters, bad bytes and endless numbers too: each spoils its own value only."""
    try:
        return json.loads(text.decode(errors="replace"), parse_int=_whole_number)
    except (ValueError, RecursionError):
        pass  # The error would carry the text along, so another one is raised in its place.
    raise ValueError("This is not JSON.")


def _whole_number(digits: str) -> int | float:
    """Read a whole number; one of more digits than Python reads is infinite."""
    return int(digits) if len(digits) <= _MOST_DIGITS else float(digits)


def parse_timestamp(text: object) -> datetime | None:
    """Read a timestamp, or None where there is none to be read.

    VTEX writes up to seven fraction digits, `Z`, `+00:00` or `-0300`, and sometimes a space for
    the `T`. Without an offset it is UTC. .NET's empty date, in the year 1, is none.
    """
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if moment.year == 1:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@cache
def zone_named(name: str | None) -> tzinfo | None:
    """Return a store's time zone; None where the name is of none that is known here.

    VTEX gives the name that Windows has for it, `E. South America Standard Time`.
    """
    try:
        return ZoneInfo(win_tz.get(name, name)) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


@overload
def clean_text(value: str) -> str: ...
@overload
def clean_text(value: T) -> T: ...
def clean_text(value: object) -> object:
    """Return a text with U+FFFD for each character that no database need hold; pass others on.

    Shoppers' texts are free: a name may have a NUL, or half a surrogate pair where it was cut off.
    """
    return _UNFIT.sub(_REPLACEMENT, value) if isinstance(value, str) else value


def is_whole_text(value: object) -> bool:
    """Whether a value is a text that says something, all of it as it was written."""
    return isinstance(value, str) and value != "" and not _BROKEN.search(value)


def clean_json(value: Any) -> Any:
    """Return a JSON value with all its texts cleaned, and null for a number that JSON lacks."""
    if isinstance(value, dict):
        return {clean_text(key): clean_json(part) for key, part in value.items()}
    if isinstance(value, list):
        return [clean_json(part) for part in value]
    if isinstance(value, float) and not isfinite(value):
        return None
    return clean_text(value)
