"""Starts a program of ours with another clock, shorter waits, and without some defences.

    python -m chaos.weakened OFFSET WITHOUT SLEPT MODULE [ARGUMENT...]

Every clock of the process that shows a date is OFFSET seconds wrong; those that only measure time
are right. What takes minutes and is no setting is shortened too. WITHOUT names the defences to be
taken away, with commas in between; it may be empty. The file SLEPT, where there is one, says for
how many seconds the machine was asleep: its monotonic clock stood still meanwhile.
https://man7.org/linux/man-pages/man2/clock_gettime.2.html
"""

from __future__ import annotations

import datetime as dt
import runpy
import sys
import time
from datetime import timedelta, tzinfo
from pathlib import Path
from typing import Any, Self

from chaos.defences import Defence, take_away

_date_and_time = dt.datetime
_seconds = time.time

#: What VTEX's list shows is compared once it is so old: the sandbox's list is 2 s behind.
_LAG = timedelta(seconds=4)
_GRACE = timedelta(seconds=15)


def main(offset: str, without: str, slept: str, *program: str) -> None:
    """Shift the clocks, shorten the waits, weaken, and become the program."""
    shift_clocks(float(offset))
    stop_clock(Path(slept))
    shorten_waits()
    take_away([Defence(name) for name in without.split(",") if name])
    sys.argv = list(program)
    runpy.run_module(program[0], run_name="__main__", alter_sys=True)


def shift_clocks(offset: float) -> None:
    """Shift this process's clocks; call it before other modules are imported."""
    by = timedelta(seconds=offset)

    class Kind(type):
        """Takes what others made for one of its own, as `isinstance` is asked everywhere."""

        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, _date_and_time)

        def __subclasscheck__(cls, subclass: type) -> bool:
            return issubclass(subclass, _date_and_time)

    class Shifted(_date_and_time, metaclass=Kind):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return super().now(tz) + by

    dt.datetime = Shifted  # type: ignore[misc]
    time.time = lambda: _seconds() + offset


def stop_clock(slept: Path) -> None:
    """Set the monotonic clock of this process back by what a file says."""
    monotonic = time.monotonic

    def behind() -> float:
        now = monotonic()
        return now - float(slept.read_text() or 0) if slept.exists() else now

    time.monotonic = behind


def shorten_waits() -> None:
    """Shorten what reconciling waits for; its walk and its judgement take it from these modules."""
    # They must be imported after the clocks were shifted.
    from orders_sync.upkeep import discrepancies, list_pages  # noqa: PLC0415

    changes: list[tuple[Any, str, timedelta]] = [
        (list_pages, "LAG", _LAG),
        (discrepancies, "GRACE", _GRACE),
    ]
    for module, name, value in changes:
        setattr(module, name, value)


if __name__ == "__main__":
    main(*sys.argv[1:])
