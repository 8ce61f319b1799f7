"""Invoice numbers: which are the same, and how VTEX's routes survive them.

A number with a space, a slash or a hash is taken by the invoice call and then breaks every
tracking call of that invoice for good (VTEX's known issues 953285, 409225, 631970 and 1302085).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9.-]+")

#: Categories of characters that only set parts apart: punctuation, blanks, controls.
_APART: Final = frozenset("PZC")


def to_vtex_number(number: str) -> str:
    """Return a number as we write it to VTEX: letters, digits, dots and dashes; empty if none.

    What VTEX's routes do not survive becomes a dash, so that 1/23 and 12/3 stay two numbers.
    """
    return _UNSAFE.sub("-", _plain(number)).strip("-.")


def is_writable(number: str) -> bool:
    """Check whether a number can be written to VTEX so that no other becomes the same.

    It has a letter or a digit, and none that has no form in ASCII: without its letter, another
    alphabet's number would be one of digits alone.
    """
    lost = any(
        not character.isascii() and unicodedata.category(character)[0] not in _APART
        for character in _plain(number)
    )
    return bool(to_vtex_number(number)) and not lost


def is_routable(number: str) -> bool:
    """Check whether VTEX's routes of tracking survive a number as VTEX has it."""
    return bool(number.strip(".")) and not _UNSAFE.search(number)


def is_same_number(number: str, other: str) -> bool:
    """Check whether two spellings have the same parts: 000.123/1 is 000-123-1."""
    return _parts(number) == _parts(other)


def may_be_same_number(number: str, other: str) -> bool:
    """Check whether two spellings may be of one number: 0001231 may be 000.123/1.

    Where both set parts apart, they have to be the same parts: 1/23 is never 12/3.
    """
    apart = min(len(_parts(number)), len(_parts(other))) > 1
    return is_same_number(number, other) or (not apart and joined(number) == joined(other))


def joined(number: str) -> str:
    """Return the parts of a number, put together: spellings that may be of one number have one."""
    return "".join(_parts(number))


def _plain(number: str) -> str:
    """Return a number without accents."""
    apart = unicodedata.normalize("NFKD", number)
    return "".join(character for character in apart if not unicodedata.combining(character))


def _parts(number: str) -> list[str]:
    letters = (c if c.isalnum() else " " for c in _plain(number).casefold())
    return "".join(letters).split()
