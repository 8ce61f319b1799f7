"""VTEX's documents: JSON and timestamps as VTEX writes them, held against our schemas.

Errors name places, never content.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cache
from math import isfinite
from typing import Any, Final, TypeVar, overload
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from tzlocal.windows_tz import win_tz

from orders_sync.errors import Unreadable

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
    """Parse JSON with half characters, bad bytes and endless numbers: each spoils its own value."""
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
    """Check whether a value is a text that says something, all of it as it was written."""
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


M = TypeVar("M", bound=BaseModel)

_LONGEST_NAME: Final = 255


@dataclass(frozen=True, slots=True)
class OrderSummary:
    """Where an order stands, and by what other names people know it.

    `status` may be None, and may be a word that VTEX adds tomorrow.
    """

    status: str | None
    is_completed: bool
    sequence: str | None = None
    marketplace_order_id: str | None = None


class ParsedDocument(bytes):
    """A document byte for byte, with the JSON object that was read from it: that takes long."""

    data: dict[str, Any]

    @classmethod
    def of(cls, document: bytes, data: dict[str, Any]) -> ParsedDocument:
        """Join a document with what was read from it, which nobody changes."""
        parsed = cls(document)
        parsed.data = data
        return parsed


def parse_document(document: bytes) -> dict[str, Any]:
    """Parse an order's document.

    Raises:
        Unreadable: it is not a JSON object.
    """
    if isinstance(document, ParsedDocument):
        return document.data
    try:
        data = parse_json(document)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise Unreadable("The order's document must be a JSON object and is none.")
    return data


def summary(document: bytes) -> OrderSummary:
    """Read where an order stands, however malformed the rest of its document is.

    Raises:
        Unreadable: the document is not a JSON object.
    """
    return summarise(parse_document(document))


def summarise(data: Mapping[str, Any]) -> OrderSummary:
    """Read status and completeness; where `isCompleted` stands, only true is complete."""
    status = data.get("status")
    return OrderSummary(
        status=status if isinstance(status, str) and status else None,
        is_completed=data.get("isCompleted", True) in (True, "true", "True"),
        sequence=_name(data.get("sequence")),
        marketplace_order_id=_name(data.get("marketplaceOrderId")),
    )


def _name(value: Any) -> str | None:
    """Return an id as text, None where it is none that anybody types."""
    text = str(value).strip() if isinstance(value, str | int) else ""
    return text if 0 < len(text) <= _LONGEST_NAME else None


def require(model: type[M], data: Any, what: str) -> M:
    """Check data against a schema, and return it as its model.

    Raises:
        Unreadable: it does not fit; the message names `what` and the place in it.
    """
    valid, problem = validate(model, data)
    if valid is None:
        raise Unreadable(f"{what} cannot be read: {problem}.")
    return valid


def validate(model: type[M], data: Any) -> tuple[M | None, str]:
    """Check data against a schema; return it, or what is wrong."""
    try:
        return model.model_validate(data), ""
    except ValidationError as error:
        return None, _problem(error)


def _problem(error: ValidationError) -> str:
    """Format the first thing that is wrong; its names are from our schemas, never from the data."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    path = "$" + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in first["loc"])
    expected = "is missing" if first["type"] == "missing" else first["msg"]
    expected = expected.removeprefix("Value error, ").replace("Input should", "should")
    return f"{path} {expected[0].lower()}{expected[1:]}"
