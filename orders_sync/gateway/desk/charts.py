"""Small charts as SVG, drawn on the server. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

WIDTH: Final = 600
HEIGHT: Final = 120
_GAP: Final = 2


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a chart, from its upper left corner."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn: bars, or the points of a line; `top` is the value at its upper edge."""

    top: float
    bars: Sequence[Bar] = ()
    points: str = ""


def bar_chart(numbers: Sequence[int]) -> Chart:
    """Return a chart with a bar for each number."""
    top, step = max([*numbers, 1]), WIDTH / max(len(numbers), 1)
    bars = [
        Bar(
            round(index * step, 1),
            round(HEIGHT * (1 - number / top), 1),
            round(step - _GAP, 1),
            round(HEIGHT * number / top, 1),
        )
        for index, number in enumerate(numbers)
        if number
    ]
    return Chart(top, bars=bars)


def line_chart(values: Sequence[tuple[datetime, float]]) -> Chart:
    """Return a chart with a line through values over time; it needs two at least."""
    top = max([*(value for _, value in values), 1.0])
    if len(values) < 2:
        return Chart(top)
    first, last = values[0][0], values[-1][0]
    span = max((last - first).total_seconds(), 1e-9)
    points = " ".join(
        f"{(at - first).total_seconds() / span * WIDTH:.1f},{HEIGHT * (1 - value / top):.1f}"
        for at, value in values
    )
    return Chart(top, points=points)
