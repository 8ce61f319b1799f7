"""Keeps label values few and harmless: each new value is a new time series."""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Final

#: Stands for every value that is not one of the expected.
OTHER: Final = "other"

_CAUSE: Final = re.compile(r"[A-Za-z0-9_.]{1,60}")


def one_of(value: str, expected: Container[str]) -> str:
    """Return a value if it is expected, else `other`: it may come from anybody's message."""
    return value if value in expected else OTHER


def cause_label(cause: str | None) -> str:
    """Return a cause if it is a word, else `other`: an ERP's adapter may have a sentence."""
    return cause if cause and _CAUSE.fullmatch(cause) else OTHER
