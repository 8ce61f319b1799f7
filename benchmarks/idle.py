"""What accounts cost that have nothing to do.

    python -m benchmarks.idle [--accounts 50 500] [--seconds 60] [--workers 2]

Runs workers and beat for so many accounts, waits until each has its feed, and prints what share of
a core the workers, beat and the broker take, how often an account was polled and the longest that
any was not, and how many files and connections a worker has open. The shares and that longest time
are this machine's: run it on a quiet one.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.plant import Plant, running_plant, say, until
from orders_sync.ledger import Ledger
from orders_sync.ledger.accounts import Chore

_CALM_SECONDS = 20.0
_START_SECONDS = 1200.0
#: No account is polled twice in so short a time, so no poll is overlooked.
_LOOK_SECONDS = 0.5


def main() -> None:
    """Run all of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--accounts", type=int, nargs="+", default=[50, 500])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    for accounts in options.accounts:
        print(f"{accounts} accounts:", flush=True)
        with running_plant(options.workers, more_accounts=_names(accounts - 1)) as plant:
            _measure(plant, accounts, options.seconds)


def _names(count: int) -> tuple[str, ...]:
    return tuple(f"idle{number}" for number in range(count))


def _measure(plant: Plant, accounts: int, seconds: float) -> None:
    def is_configured() -> bool:
        return plant.calls("feed_config_set") >= accounts

    until(is_configured, "every account has its feed", _START_SECONDS)
    time.sleep(_CALM_SECONDS)
    before, polls, began = plant.cpu_by_process(), plant.calls("feed_read"), time.monotonic()
    longest = _longest_without_poll(plant, seconds)
    passed = time.monotonic() - began
    polled = (plant.calls("feed_read") - polls) / accounts * 60 / passed
    shares = {name: (used - before[name]) / passed for name, used in plant.cpu_by_process().items()}
    for name, share in shares.items():
        say(name, f"{share:.1%} of a core")
    say("in all", f"{sum(shares.values()):.1%} of a core")
    say("polls of an account a minute", f"{polled:.1f}")
    say("longest between two polls of one account", f"{longest.total_seconds():.1f} s")
    for child in plant.ours:
        if child.pid and child.spec.name.startswith("worker"):
            links = list(_open_files(child.pid))
            sockets = sum(link.startswith("socket:") for link in links)
            say(f"{child.spec.name}: files open, sockets among them", f"{len(links)}, {sockets}")


def _longest_without_poll(plant: Plant, seconds: float) -> timedelta:
    """Watch for so long; return the longest time in which an account had no poll."""
    ends, longest = time.monotonic() + seconds, timedelta()
    last: dict[str, datetime] = {}
    with closing(Ledger(plant.ledger_url, lease=timedelta(seconds=60))) as ledger:
        while time.monotonic() < ends:
            for account, run in ledger.accounts.last_runs(Chore.POLL).items():
                longest = max(longest, run.at - last.get(account, run.at))
                last[account] = run.at
            time.sleep(_LOOK_SECONDS)
    return max(longest, datetime.now(UTC) - min(last.values()))


def _open_files(pid: int) -> Iterator[str]:
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            yield str(link.readlink())
        except FileNotFoundError:
            continue  # It was closed just now.


if __name__ == "__main__":
    main()
