"""Waiting for what another process does: no longer than needed, and never for ever."""

from __future__ import annotations

import time
from collections.abc import Callable

#: Ample for a slow machine; what goes well never waits so long.
DEADLINE_SECONDS = 180.0


def until(
    is_so: Callable[[], object],
    what: str = "what was waited for",
    *,
    seconds: float = DEADLINE_SECONDS,
) -> None:
    """Return once something is so; fail the test, and say what never was, when it never is."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"after {seconds:.0f} s not yet: {what}"
        time.sleep(0.02)
