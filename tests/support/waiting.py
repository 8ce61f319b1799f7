"""Waiting for what another process does: no longer than needed, and never for ever."""

from __future__ import annotations

import time
from collections.abc import Callable

DEADLINE_SECONDS = 60.0


def until(is_so: Callable[[], object], *, seconds: float = DEADLINE_SECONDS) -> None:
    """Return once something is so; fail the test when it never is."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "what was waited for never happened"
        time.sleep(0.02)
