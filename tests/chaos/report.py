"""A run's figures and verdicts, for a person and for a program. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chaos.run import ChaosResult


def to_json(result: ChaosResult, home: Path | None) -> dict[str, Any]:
    """Write a result as the object that `--json` prints; `home` is where a folder was kept."""
    plan = result.plan
    return {
        "seed": plan.seed,
        "orders": plan.orders,
        "commands": result.commands,
        "ledger": plan.ledger,
        "broker": plan.broker,
        "erp": plan.erp,
        "seconds": round(result.seconds, 1),
        "settled_after": _rounded(result.settled_after),
        "orders_per_second": round(result.orders_per_second, 2),
        "calls_per_order": round(result.calls_per_order, 1),
        "restarts": result.restarts,
        "faults": dict(sorted(result.faults.items())),
        "promises": {verdict.name: verdict.kept for verdict in result.verdicts},
        "shown": {verdict.name: verdict.why for verdict in result.verdicts if verdict.kept},
        "broken": {verdict.name: verdict.why for verdict in result.verdicts if not verdict.kept},
        "home": None if home is None else str(home),
    }


def lines(result: ChaosResult) -> Iterator[str]:
    """Format a result in lines."""
    yield summary(result)
    yield "faults: " + ", ".join(f"{n} {kind}" for kind, n in sorted(result.faults.items()))
    for verdict in result.verdicts:
        yield f"{'kept  ' if verdict.kept else 'BROKEN'}  {verdict.name}: {verdict.why}"


def summary(result: ChaosResult) -> str:
    """Format a result in one line."""
    plan, after = result.plan, result.settled_after
    broken = ", ".join(verdict.name for verdict in result.verdicts if not verdict.kept)
    return (
        f"seed {plan.seed}: {f'BROKEN {broken}' if broken else 'kept'}; "
        f"{plan.orders} orders and {result.commands} commands on {plan.ledger}, "
        f"a {plan.broker} broker and an ERP in {plan.erp}, {sum(result.faults.values())} faults, "
        f"{result.restarts} restarts, {result.seconds:.0f} s, "
        f"{'not settled' if after is None else f'settled after {after:.0f} s'}, "
        f"{result.orders_per_second:.2f} orders/s, {result.calls_per_order:.1f} calls an order"
    )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
