"""The command line of the harness."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Generic, Never, TypeVar, get_args

import click
from chaos.databases import NoPostgres
from chaos.defences import Defence
from chaos.plan import (
    BY_SEED,
    LATENCY_SECONDS,
    SETTLE_SECONDS,
    THREADS,
    BrokerKind,
    ChaosPlan,
    plan_run,
)
from chaos.proofs import PROOFS, find_problems
from chaos.report import lines, summary, to_json
from chaos.run import ChaosResult, run_chaos
from chaos.timetable import DatabaseKind, Kind

from orders_sync.demo.stage import StageFailed
from orders_sync.embedded.supervisor import StopRequested


class _Seeds(click.ParamType[Sequence[int]]):
    """Seeds from A to B, as `A-B`."""

    name = "A-B"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Sequence[int]:
        first, _, last = str(value).partition("-")
        if not (first.isdecimal() and last.isdecimal() and int(first) <= int(last)):
            self.fail("seeds are given as 1-20", param, ctx)
        return range(int(first), int(last) + 1)


N = TypeVar("N", bound=StrEnum)


class _Names(click.ParamType[frozenset[N]], Generic[N]):
    """Members of an enumeration, with commas in between."""

    def __init__(self, members: type[N]) -> None:
        self.name = f"{members.__name__.lower()},..."
        self._members = members

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> frozenset[N]:
        words = [word.strip() for word in str(value).split(",")]
        try:
            return frozenset(self._members(word) for word in words if word)
        except ValueError:
            self.fail(f"there are: {', '.join(self._members)}", param, ctx)


@click.command()
@click.option("--seed", type=int, default=1, show_default=True, help="Of orders and faults.")
@click.option("--seeds", type=_Seeds(), help="Several runs, one after the other.")
@click.option("--orders", type=click.IntRange(1, 10_000), default=300, show_default=True)
@click.option("--ledger", type=click.Choice([*get_args(DatabaseKind), BY_SEED]), default=BY_SEED)
@click.option("--broker", type=click.Choice([*get_args(BrokerKind), BY_SEED]), default=BY_SEED)
@click.option("--erp", type=click.Choice([*get_args(DatabaseKind), BY_SEED]), default=BY_SEED)
@click.option("--faults", type=_Names(Kind), default=",".join(Kind), help="Those that may come.")
@click.option("--without", type=_Names(Defence), default="", help="Defences to be taken away.")
@click.option("--alone", is_flag=True, help="No other accounts, in trouble or beside it.")
@click.option("--settle", type=float, default=SETTLE_SECONDS, show_default=True, help="Seconds.")
@click.option("--latency", type=float, default=LATENCY_SECONDS, show_default=True, help="Seconds.")
@click.option("--threads", type=click.IntRange(1), default=THREADS, show_default=True)
@click.option("--prove", is_flag=True, help="See every kind break what is not defended.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a run.")
@click.option("--keep", is_flag=True, help="Keep the folders of good runs too.")
def main(
    *,
    seed: int,
    seeds: Sequence[int] | None,
    orders: int,
    ledger: Any,
    broker: Any,
    erp: Any,
    faults: frozenset[Kind],
    without: frozenset[Defence],
    alone: bool,
    settle: float,
    latency: float,
    threads: int,
    prove: bool,
    as_json: bool,
    keep: bool,
) -> None:
    """Run everything for real under faults that a seed draws, and judge every promise.

    The exit status is 1 if one was broken; then the folder with logs and databases is kept.

    --prove runs, for each of the faults, a seed with and without what stands against it: the first
    has to keep every promise, the second to break one. It takes three minutes a kind.
    """
    play = partial(_play, as_json=as_json, keep=keep)
    if prove:
        _prove(faults, play)
    results = []
    for number in seeds or [seed]:
        databases = {"ledger": ledger, "broker": broker, "erp": erp}
        drawn = plan_run(number, orders=orders, **databases, kinds=faults)
        plan = replace(
            drawn,
            without=without,
            settle_seconds=settle,
            latency_seconds=latency,
            threads=threads,
            is_alone=alone,
        )
        results.append(play(plan))
    if seeds is not None and not as_json:
        for result in results:
            click.echo(summary(result))
    sys.exit(0 if all(result.all_kept for result in results) else 1)


def _prove(kinds: frozenset[Kind], play: Callable[[ChaosPlan], ChaosResult]) -> Never:
    proven = [kind for kind in PROOFS if kind in kinds]
    problems = [problem for kind in proven for problem in find_problems(kind, play)]
    for problem in problems:
        click.echo(problem)
    click.echo(f"{len(proven)} kinds of faults: {len(problems)} problems")
    sys.exit(1 if problems else 0)


def _play(plan: ChaosPlan, *, as_json: bool, keep: bool) -> ChaosResult:
    """Run a plan in a folder of its own, and tell what it showed."""
    home = Path(tempfile.mkdtemp(prefix=f"orders-sync-chaos-{plan.seed}-"))
    _say(f"seed {plan.seed}: {home}")
    try:
        result = run_chaos(plan, home, _say)
    except (StageFailed, NoPostgres) as error:
        raise click.ClickException(f"{error} What was written is in {home}") from None
    except StopRequested:
        sys.exit(f"Interrupted; everything is stopped. What was written is in {home}")
    _tell(result, home, as_json=as_json, keep=keep)
    return result


def _say(sentence: str) -> None:
    click.echo(sentence, err=True)


def _tell(result: ChaosResult, home: Path, *, as_json: bool, keep: bool) -> None:
    is_kept = keep or not result.all_kept
    if as_json:
        click.echo(json.dumps(to_json(result, home if is_kept else None)))
    else:
        for line in lines(result):
            click.echo(line)
    if is_kept:
        _say(f"Logs and databases are kept in {home}")
    else:
        shutil.rmtree(home, ignore_errors=True)
