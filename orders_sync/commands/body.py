"""The fields of commands' bodies, checked before anything is kept.

A wrong body raises pydantic's `ValidationError`; `describe_problems` formats it for a person.
Money is integer cents.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Final, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from orders_sync.domain.invoice_number import is_writable

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT: Final = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)", re.IGNORECASE
)
_YEARS: Final = range(2000, 2100)
_MOST_PROBLEMS: Final = 5
#: JSON's numbers are whole up to here for every reader, and databases keep them.
_LARGEST: Final = 2**53 - 1


def _read_moment(value: Any) -> datetime:
    """Return an instant; pydantic alone would read `20261129` as seconds since 1970."""
    if isinstance(value, str) and _MOMENT.fullmatch(value.strip()):
        value = datetime.fromisoformat(value.strip().upper())
    if isinstance(value, datetime) and value.utcoffset() is not None and value.year in _YEARS:
        return value
    raise ValueError("give a time with its offset from UTC, such as 2026-11-29T15:30:00-03:00")


def _read_day(value: Any) -> date:
    """Return a day, or an instant where one is given."""
    if isinstance(value, str) and _DAY.fullmatch(value.strip()):
        value = date.fromisoformat(value.strip())
    if isinstance(value, date) and not isinstance(value, datetime) and value.year in _YEARS:
        return value
    try:
        return _read_moment(value)
    except ValueError:
        raise ValueError(
            "give a day, such as 2026-11-29, or a time with its offset, such as "
            "2026-11-29T15:30:00-03:00"
        ) from None


def _read_text(value: Any) -> Any:
    """Return a text of a whole number: an invoice's number often comes as one."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _read_number(value: Any) -> Any:
    """Refuse true and false, which Python takes for 1 and 0."""
    if isinstance(value, bool):
        raise ValueError("give a whole number")  # noqa: TRY004 - pydantic takes no TypeError.
    return value


_stripped = StringConstraints(strip_whitespace=True, min_length=1)

#: A text that is not empty; one that has a bound of its own has its own type, as `Number` has:
#: pydantic keeps this bound beside a field's `max_length`.
Text = Annotated[str, _stripped, Field(max_length=10_000), BeforeValidator(_read_text)]

#: The number of an invoice, which makes its key where the caller gives none.
Number = Annotated[str, _stripped, Field(max_length=100), BeforeValidator(_read_text)]

#: A file in the body; the size of the whole body bounds it.
File = Annotated[str, _stripped]

#: Cents, 0 or more.
Cents = Annotated[int, Field(ge=0, le=_LARGEST), BeforeValidator(_read_number)]

#: A whole number above 0.
Count = Annotated[int, Field(gt=0, le=_LARGEST), BeforeValidator(_read_number)]

#: An instant with its offset from UTC.
Moment = Annotated[AwareDatetime, BeforeValidator(_read_moment)]

#: A day, or an instant.
Day = Annotated[AwareDatetime | date, BeforeValidator(_read_day)]


def require_writable(number: str) -> str:
    """Return an invoice's number that can be written to VTEX.

    Raises:
        ValueError: nothing of it can, or a letter is of another alphabet.
    """
    if not is_writable(number):
        raise ValueError("a letter or a digit of A to Z and 0 to 9 is needed, and none of others")
    return number


class Part(BaseModel):
    """A body, or an object in one: other fields than its own are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Body(Part):
    """What the caller of a command gives."""

    @property
    def own_key(self) -> str | None:
        """The key of a command whose caller gives none; None: a digest of its content."""
        return None

    @property
    def vtex_number(self) -> str | None:
        """The number of the invoice that it is about, as VTEX has it."""
        return None

    @property
    def parcel_number(self) -> str | None:
        """The carrier's number of the package that it is about."""
        return None


class ParcelBody(Body):
    """A body that may say how a package travels."""

    courier: Text | None = Field(None, description="The carrier's name.")
    tracking_number: Text | None = Field(None, description="The carrier's number of the package.")
    tracking_url: Text | None = Field(None, description="Where the package can be followed.")
    dispatched_at: Moment | None = Field(
        None, description="When the package left, as 2026-11-27T12:00:00-03:00."
    )

    @property
    def parcel_number(self) -> str | None:
        """The carrier's number of the package."""
        return self.tracking_number

    @property
    def says_parcel(self) -> bool:
        """Whether it says anything of how the package travels."""
        given = (self.courier, self.tracking_number, self.tracking_url, self.dispatched_at)
        return any(value is not None for value in given)


class Quantity(Part):
    """Some of one line, named by `line_id` (VTEX's uniqueId), or of one `sku`."""

    line_id: Text | None = None
    sku: Text | None = None
    quantity: Count
    price_cents: Cents | None = None

    @model_validator(mode="after")
    def _is_named(self) -> Self:
        if self.line_id is None and self.sku is None:
            raise ValueError("give line_id or sku")
        return self

    @property
    def named(self) -> str:
        """The line or the SKU, as a sentence has it."""
        return f"line {self.line_id}" if self.line_id else f"SKU {self.sku}"


@dataclass(frozen=True, slots=True)
class Problem:
    """A field that is wrong, by its path, and what was expected of it."""

    field: str
    expected: str

    def __str__(self) -> str:
        return f"{self.field}: {self.expected}"


def problems_of(error: ValidationError) -> Sequence[Problem]:
    """Return the first fields that are wrong, without what was sent."""
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    return [Problem(_path(problem), _plain(problem)) for problem in problems[:_MOST_PROBLEMS]]


def describe_problems(error: ValidationError) -> str:
    """Name each field that is wrong and what was expected, without what was sent."""
    return "; ".join(map(str, problems_of(error)))


def _path(problem: Any) -> str:
    return ".".join(str(part)[:100] for part in problem["loc"]) or "body"


def _plain(problem: Any) -> str:
    words: str = "is missing" if problem["type"] == "missing" else problem["msg"]
    return words.removeprefix("Value error, ")
