"""Has the faults of a timetable begin and end in time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from chaos.timetable import Fault, Kind

Begin = Callable[[Fault], AbstractContextManager[None]]


class Director:
    """Plays a timetable from the moment it is made; call `tend` often, and `close` at the end.

    `begin` gives what is entered when a fault begins, and left when it ends. `begun` counts the
    faults so far, by kind.
    """

    def __init__(
        self,
        faults: Sequence[Fault],
        begin: Begin,
        *,
        say: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        self._coming = list(faults)
        self._begin = begin
        self._say = say
        self._clock = clock
        self._began_at = clock()
        self._going_on: list[tuple[Fault, AbstractContextManager[None]]] = []
        self.begun: Counter[Kind] = Counter()

    @property
    def is_done(self) -> bool:
        """Whether every fault is over."""
        return not (self._coming or self._going_on)

    def tend(self) -> None:
        """End what is over, and begin what is due."""
        now = self._clock() - self._began_at
        self._end([each for each in self._going_on if each[0].ends_at <= now])
        while self._coming and self._coming[0].at <= now:
            fault = self._coming.pop(0)
            self._say(f"{now:6.1f} s: {fault}")
            mischief = self._begin(fault)
            mischief.__enter__()
            self._going_on.append((fault, mischief))
            self.begun[fault.kind] += 1

    def close(self) -> None:
        """End everything at once, and let nothing more come."""
        self._coming.clear()
        self._end(list(self._going_on))

    def _end(self, over: Sequence[tuple[Fault, AbstractContextManager[None]]]) -> None:
        for each in over:
            self._going_on.remove(each)
            each[1].__exit__(None, None, None)
