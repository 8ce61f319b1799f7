"""Invoice numbers: which are the same, and how VTEX's routes survive them.

A number with a space, a slash or a hash is taken by the invoice call and then breaks every
tracking call of that invoice for good (VTEX's known issues 953285, 409225, 631970 and 1302085).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9.-]+")
_APART: Final = re.compile(r"[^a-z0-9]+")


def to_vtex_number(number: str) -> str:
    """Return a number as we write it to VTEX: letters, digits, dots and dashes; empty if none.

    What VTEX's routes do not survive becomes a dash, so that 1/23 and 12/3 stay two numbers.
    """
    return _UNSAFE.sub("-", _plain(number)).strip("-.")


def is_routable(number: str) -> bool:
    """Check whether VTEX's routes of tracking survive a number as VTEX has it."""
    return bool(number) and not _UNSAFE.search(number) and number.strip(".") != ""


def is_same_number(one: str, other: str) -> bool:
    """Check whether two spellings are of one number: 000.123/1 is 000-123-1 and 0001231.

    Where both have their parts set apart, the parts have to be equal: 1/23 is not 12/3.
    """
    parts, others = _parts(one), _parts(other)
    if parts == others:
        return True
    return min(len(parts), len(others)) == 1 and "".join(parts) == "".join(others)


def _plain(number: str) -> str:
    return unicodedata.normalize("NFKD", number).encode("ascii", "ignore").decode()


def _parts(number: str) -> list[str]:
    return [part for part in _APART.split(_plain(number).lower()) if part]
