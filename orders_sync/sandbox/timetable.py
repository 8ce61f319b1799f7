"""What is due later: actions by the moment they happen at."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

#: Takes the moment it was due at, which may be before the moment it runs.
Action = Callable[[float], None]


class Timetable:
    """Keeps actions until they are due; those of one moment happen in the order they came in."""

    def __init__(self) -> None:
        self._entries: list[tuple[float, int, Action]] = []
        self._sequence = count()

    def add(self, at: float, action: Action) -> None:
        """Let something happen later."""
        heapq.heappush(self._entries, (at, next(self._sequence), action))

    def run(self, now: float) -> None:
        """Let everything happen that is due, and what that makes due."""
        while self._entries and self._entries[0][0] <= now:
            at, _, action = heapq.heappop(self._entries)
            action(at)
