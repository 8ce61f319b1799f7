"""Measures what accounts cost in which nothing happens: python -m benchmarks.idle 500."""

from __future__ import annotations

import sqlite3
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.plant import Plant, running_plant

_SETTLING_SECONDS = 30.0
_MEASURED_SECONDS = 60.0


def main() -> None:
    """Run idle accounts, and print what share of a core all of our processes take."""
    for number in [int(argument) for argument in sys.argv[1:]] or [1, 50, 500]:
        names = [f"idle{index}" for index in range(1, number)]
        with running_plant(more_accounts=names) as plant:
            time.sleep(_SETTLING_SECONDS)
            _report(number, plant)


def _report(number: int, plant: Plant) -> None:
    before, started = plant.cpu_by_process(), time.monotonic()
    polls = _calls(plant)
    time.sleep(_MEASURED_SECONDS)
    seconds = time.monotonic() - started
    after = plant.cpu_by_process()
    shares = {name: (after[name] - before[name]) / seconds for name in before}
    parts = ", ".join(f"{name} {share:.1%}" for name, share in shares.items())
    polled = (_calls(plant) - polls) / seconds
    print(
        f"{number} idle accounts: {sum(shares.values()):.1%} of a core ({parts}); "
        f"{polled:.1f} calls a second; the longest unpolled {_longest(plant.home):.1f} s",
        flush=True,
    )


def _calls(plant: Plant) -> int:
    total: int = plant.admin("GET", "report")["calls_total"]
    return total


def _longest(home: Path) -> float:
    """Return the age of the poll that is the longest ago, in seconds."""
    with closing(sqlite3.connect(home / "ledger.sqlite3")) as connection:
        [(ran_at,)] = connection.execute(
            "SELECT min(ran_at) FROM accounts WHERE chore = 'feed.poll'"
        )
    ran = datetime.fromisoformat(ran_at).replace(tzinfo=UTC)
    return (datetime.now(UTC) - ran).total_seconds()


if __name__ == "__main__":
    main()
