"""`orders-sync demo`: see it run, with live progress on standard error, and the result."""

from __future__ import annotations

import json
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bars
from rich.table import Table

from orders_sync.cli import FAILED
from orders_sync.cli.output import echo
from orders_sync.demo.plan import Chaos, DemoPlan, DemoProgress, ErpName
from orders_sync.demo.run import DemoResult, run_demo
from orders_sync.domain.words import count_of
from orders_sync.embedded.supervisor import StopRequested

_SEEDS = 1_000_000
_LINE_EVERY_SECONDS = 2.0


@click.command()
@click.option("--orders", type=click.IntRange(1, 100_000), default=200, show_default=True)
@click.option(
    "--workers", type=click.IntRange(1, 64), default=2, show_default=True, help="Worker processes."
)
@click.option(
    "--chaos",
    type=click.Choice(["off", "mild", "wild"]),
    default="off",
    show_default=True,
    help="How badly VTEX behaves; wild also has a hook, and kills workers and the gateway.",
)
@click.option("--seed", type=int, help="Repeat a demo: its orders and its chaos.")
@click.option(
    "--erp",
    type=click.Choice(["staging", "webhook", "tryton"]),
    default="staging",
    show_default=True,
    help="The ERP: tables, or an HTTP endpoint, which is a bad one where chaos is wild, or a "
    "Tryton that is set up for it (pip install '.[tryton]').",
)
@click.option("--flower/--no-flower", default=True, show_default=True, help="Run Flower as well.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, and nothing else.")
@click.option("--stay", is_flag=True, help="Leave it running at its end, to look around.")
@click.option("--keep", is_flag=True, help="Keep the folder with the logs and databases.")
def demo(
    *,
    orders: int,
    workers: int,
    chaos: Chaos,
    seed: int | None,
    erp: ErpName,
    flower: bool,
    as_json: bool,
    stay: bool,
    keep: bool,
) -> None:
    """See it run: orders go from a VTEX in a box, through real workers, into an ERP.

    Then invoices, tracking, cancellations and changes go back, asked for by the ERP and by another
    service. Ends with a table that says whether each promise was kept, from what VTEX and the ERP
    saw. The exit status is 1 if one was not.
    """
    home = Path(tempfile.mkdtemp(prefix="orders-sync-demo-"))
    seed = secrets.randbelow(_SEEDS) if seed is None else seed
    plan = DemoPlan(home, orders, workers, chaos, seed, flower, stay, erp)

    def tell(result: DemoResult) -> None:
        if as_json:
            echo(json.dumps(to_json(result)))
        else:
            show_result(result)

    result = _run(plan, tell, keep=keep)
    if not stay:
        tell(result)
        echo(
            "See it on the order desk, or look around: orders-sync demo --stay goes on running at "
            "its end.",
            err=True,
        )
    sys.exit(0 if result.all_kept else FAILED)


def to_json(result: DemoResult) -> dict[str, Any]:
    """Return a result as the object that `--json` prints; rounded to milliseconds."""
    figures = result.figures
    return {
        "orders": figures.orders,
        "seconds": round(figures.seconds, 3),
        "orders_per_second": round(figures.orders_per_second, 3),
        "vtex_calls_per_order": round(figures.vtex_calls_per_order, 3),
        "vtex_calls_by_name": {n: round(c, 3) for n, c in sorted(figures.calls_by_name.items())},
        "p50_seconds": _rounded(figures.p50_seconds),
        "p99_seconds": _rounded(figures.p99_seconds),
        "commands": figures.road_out.commands,
        "commands_per_second": round(figures.road_out.per_second, 3),
        "vtex_calls_per_command": round(figures.road_out.vtex_calls_per_command, 3),
        "promises": {v.name: v.kept if v.tested else None for v in result.verdicts},
    }


def _run(plan: DemoPlan, tell: Callable[[DemoResult], None], *, keep: bool) -> DemoResult:
    """Run a demo; its folder stays if that was asked for, or if it failed and the logs say why."""
    with DemoDisplay() as display:

        def tell_now(result: DemoResult) -> None:
            display.rest()
            tell(result)

        display.say(f"{count_of(plan.orders, 'order')}; chaos {plan.chaos}, seed {plan.seed}.")
        try:
            result = run_demo(plan, display, tell=tell_now)
        except StopRequested as stop:
            display.say("Interrupted; everything is stopped.")
            _leave(plan.home, display, keep=keep)
            sys.exit(stop.status)
        except Exception:
            _leave(plan.home, display, keep=True)
            raise
        _leave(plan.home, display, keep=keep)
    return result


def _leave(home: Path, display: DemoDisplay, *, keep: bool) -> None:
    if keep:
        display.say(f"Logs and databases are kept in {home}")
    else:
        shutil.rmtree(home, ignore_errors=True)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


class DemoDisplay:
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
