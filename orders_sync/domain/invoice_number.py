"""Invoice numbers as VTEX's routes survive them.

A number with a space, a slash or a hash is taken by the invoice call and then breaks every
tracking call of that invoice for good (VTEX's known issues 953285, 409225 and 1302085).
"""

from __future__ import annotations

import re
import unicodedata

_UNSAFE = re.compile(r"[^A-Za-z0-9-]")


def to_vtex_number(number: str) -> str:
    """Keep letters, digits and dashes; empty where nothing is left.

    The ERP's own number stays in the command; the same number always becomes the same one here.
    """
    plain = unicodedata.normalize("NFKD", number).encode("ascii", "ignore").decode()
    return _UNSAFE.sub("", plain).strip("-")
