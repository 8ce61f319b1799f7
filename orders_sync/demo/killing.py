"""The wild part of a wild demo: workers and the gateway are killed while they work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

_SECONDS_BETWEEN = (3.0, 7.0)


class Killing:
    """Kills one of `names` every few seconds, drawn from a seed; call `tend` often."""

    def __init__(
        self,
        names: Sequence[str],
        kill: Callable[[str], bool],
        random: Random,
        clock: Callable[[], float],
    ) -> None:
        self._names = names
        self._kill = kill
        self._random = random
        self._clock = clock
        self._next_at = clock() + random.uniform(*_SECONDS_BETWEEN)
        self.killed = 0

    def tend(self) -> None:
        """Kill, if it is time."""
        if self._clock() < self._next_at:
            return
        self._next_at = self._clock() + self._random.uniform(*_SECONDS_BETWEEN)
        self.killed += self._kill(self._random.choice(self._names))
