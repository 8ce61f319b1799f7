"""What a person sees of a demo: live progress on standard error, and the result."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bars
from rich.table import Table

from orders_sync.demo.plan import DemoProgress
from orders_sync.demo.run import DemoResult
from orders_sync.domain.words import count_of

_LINE_EVERY_SECONDS = 2.0


class Display:
    """Shows bars where standard error is a terminal, and a line now and then where it is not."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._clock = clock
        self._next_line_at = clock()
        self._bars = Bars(
            TextColumn("{task.description:>9}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._poured = self._bars.add_task("ordered", note="", total=None)
        self._handled = self._bars.add_task("handled", note="", total=None)
        self._answered = self._bars.add_task("answered", note="", total=None)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def rest(self) -> None:
        """Take the bars away; what was said stays."""
        self._bars.stop()

    def say(self, sentence: str) -> None:
        """Print a sentence above the bars."""
        self._console.print(sentence, markup=False)

    def show(self, progress: DemoProgress) -> None:
        """Show how far it is."""
        note = f"events in the feed: {progress.events_waiting}"
        if progress.killed:
            note += f", workers killed: {progress.killed}"
        if self._console.is_terminal:
            self._advance(progress, note)
        elif self._clock() >= self._next_line_at:
            self._next_line_at = self._clock() + _LINE_EVERY_SECONDS
            self.say(
                f"{progress.seconds:6.1f} s  ordered {progress.poured}/{progress.orders}, "
                f"handled {progress.taken_over}/{progress.to_take_over}, "
                f"commands answered {progress.answered}/{progress.asked}, {note}"
            )

    def _advance(self, progress: DemoProgress, note: str) -> None:
        self._bars.update(self._poured, completed=progress.poured, total=progress.orders)
        self._bars.update(
            self._handled, completed=progress.taken_over, total=progress.to_take_over, note=note
        )
        self._bars.update(self._answered, completed=progress.answered, total=progress.asked or None)


def show_result(result: DemoResult) -> None:
    """Print the promises and the figures on standard output."""
    console = Console(highlight=False)
    table = Table("Promise", "", "As VTEX and the ERP saw it")
    for verdict in result.verdicts:
        kept = "[green]kept[/]" if verdict.kept else "[bold red]BROKEN[/]"
        if not verdict.tested:
            kept = "not tested"
        table.add_row(verdict.name.replace("_", " "), kept, verdict.why)
    console.print(table)
    figures = result.figures
    calls = ", ".join(f"{name} {n:.2f}" for name, n in sorted(figures.calls_by_name.items()))
    console.print(
        f"{count_of(figures.orders, 'order')} in {figures.seconds:.1f} s: "
        f"{figures.orders_per_second:.1f} a second, "
        f"{figures.vtex_calls_per_order:.2f} VTEX calls an order ({calls})."
    )
    if figures.p50_seconds is not None and figures.p99_seconds is not None:
        console.print(
            f"From event to handling: half within {figures.p50_seconds:.2f} s, "
            f"99 % within {figures.p99_seconds:.2f} s."
        )
    commands = figures.road_out
    console.print(
        f"{count_of(commands.commands, 'command')} in {commands.seconds:.1f} s: "
        f"{commands.per_second:.1f} a second, "
        f"{commands.vtex_calls_per_command:.2f} VTEX calls a command."
    )
