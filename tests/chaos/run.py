"""One run of chaos, from its plan to its verdicts."""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from chaos.account import Account
from chaos.course import Course, Director, run_phases
from chaos.evidence import Seen, look, put_together, unended
from chaos.mischief import make_mischief
from chaos.plan import ChaosPlan
from chaos.timetable import WORKERS, Kind
from chaos.verdicts import judge_chaos
from chaos.world import World

from orders_sync.demo.promises import PromiseVerdict
from orders_sync.embedded.home import sole_use
from orders_sync.embedded.supervisor import StopSignals

_MOST = 3


@dataclass(frozen=True, slots=True)
class ChaosResult:
    """What a run showed; see `Course` for `settled_after`."""

    plan: ChaosPlan
    seconds: float
    settled_after: float | None
    calls: int
    commands: int
    restarts: int
    faults: Mapping[Kind, int]
    verdicts: tuple[PromiseVerdict, ...]

    @property
    def all_kept(self) -> bool:
        """Whether every promise was kept."""
        return all(verdict.kept for verdict in self.verdicts)

    @property
    def orders_per_second(self) -> float:
        """The orders of the run by its whole time, faults and all."""
        return self.plan.orders / self.seconds

    @property
    def calls_per_order(self) -> float:
        """All calls to VTEX by the orders, of the main account."""
        return self.calls / self.plan.orders


def run_chaos(plan: ChaosPlan, home: Path, say: Callable[[str], None]) -> ChaosResult:
    """Start everything, let orders and faults come, wait for the end, stop everything, and judge.

    Raises:
        NoPostgres: the ledger is to be in PostgreSQL, and there is none.
        StageFailed: the processes never began.
        StopRequested: a signal came; everything is stopped.
    """
    with StopSignals() as signals, sole_use(home):
        with World(plan, home, say=say, pause=signals.pause) as world:
            prefetch = world.prefetch_counts()
            phases = run_phases(world, say)
            begin = partial(make_mischief, world)
            director = Director(plan.faults, begin, say=say, clock=time.monotonic)
            try:
                course = Course(plan, world, director)
                course.run()
            finally:
                director.close()
            # VTEX shows what it took last.
            signals.pause(plan.effect_seconds)
            seen = look(world, phases, prefetch)
            write_unended(home, world, seen)
        # The logs are complete only now.
        evidence = put_together(
            home,
            seen,
            world,
            threads=plan.threads * len(WORKERS),
            settled=course.settled_after is not None,
        )
    return ChaosResult(
        plan=plan,
        seconds=course.seconds,
        settled_after=course.settled_after,
        calls=evidence.main.calls,
        commands=sum(len(account.facts.asked or ()) for account in evidence.accounts),
        restarts=world.restarts,
        faults=Counter(director.begun),
        verdicts=judge_chaos(evidence),
    )


def write_unended(home: Path, world: World, seen: Seen) -> None:
    """Write what our ledger and VTEX say of some orders, one file of `unended` for each."""
    for name, account in seen.accounts.items():
        order_ids = unended(account.sandbox.orders, account.asked, account.answers)
        for order_id in order_ids[:_MOST]:
            _write_order(home / "unended", world, world.accounts[name], order_id)


def _write_order(folder: Path, world: World, account: Account, order_id: str) -> None:
    vtex = asdict(account.api.order(order_id))
    record = {"ledger": _of_ledger(world, account.plan.name, order_id), "vtex": vtex}
    folder.mkdir(exist_ok=True)
    path = folder / f"{account.plan.name} {order_id}.json"
    path.write_text(json.dumps(record, indent=2, ensure_ascii=False))


def _of_ledger(world: World, account: str, order_id: str) -> Any:
    try:
        return world.ask("orders", "show", order_id, "--account", account)
    except subprocess.CalledProcessError as error:
        return error.stderr.decode(errors="replace")
    except subprocess.TimeoutExpired as error:
        return str(error)
