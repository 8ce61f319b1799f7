"""Reading a message as it lies in the broker."""

from __future__ import annotations

import json
from typing import Any

from kombu.utils.json import loads


def parse(raw: bytes) -> Any:
    """Read a message.

    kombu asks a function of its own about every object in it, for the sake of types that JSON has
    not. Where none is named the plain parser gives the same in half the time.

    Raises:
        ValueError: it is no JSON.
    """
    return loads(raw) if b'"__type__"' in raw else json.loads(raw)
