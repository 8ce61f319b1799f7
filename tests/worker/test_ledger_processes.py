"""The ledger's leases, contended for by real processes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.postgres import PostgresServer

from orders_sync.domain.steps import Step
from orders_sync.ledger import Ledger
from orders_sync.ledger.migrate import upgrade

ORDERS = 60
PROCESSES = 4

CLAIM_ALL = """
import json, sys
from datetime import UTC, datetime, timedelta
from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import Step, StepResult
from orders_sync.ledger import Ledger
from orders_sync.ledger.journal import JournalLine

url, owner, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
ledger = Ledger(url, lease=timedelta(seconds=60))
print("ready", flush=True)
sys.stdin.readline()
mine = []
for number in range(count):
    order = f"{number}-01"
    now = datetime.now(UTC)
    claim = ledger.orders.claim("a", order, Step.FETCH, owner=owner, now=now)
    if claim is not None:
        mine.append(order)
        entry = JournalLine(now, "a", order, "step.done", note=owner)
        ledger.orders.complete(claim, StepResult(Standing.DONE), entry, now=now)
print(json.dumps(mine))
"""

HOLD_AND_WRITE_LATE = """
import sys
from datetime import UTC, datetime, timedelta
from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import Step, StepResult
from orders_sync.errors import LeaseLost
from orders_sync.ledger import Ledger
from orders_sync.ledger.journal import JournalLine

ledger = Ledger(sys.argv[1], lease=timedelta(seconds=60))
now = datetime.now(UTC) - timedelta(seconds=61)
claim = ledger.orders.claim("a", "1-01", Step.FETCH, owner="stale", now=now)
print("claimed", flush=True)
sys.stdin.readline()
try:
    entry = JournalLine(now, "a", "1-01", "step.done", note="stale")
    ledger.orders.complete(claim, StepResult(Standing.VOID), entry, now=datetime.now(UTC))
except LeaseLost:
    print("refused")
"""


def start(script: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.fixture
def ledger_url(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the URL of a database with the ledger's tables."""
    if database == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        return server.url(request.getfixturevalue("postgres_ledger"))
    url = f"sqlite:///{tmp_path / 'ledger.sqlite3'}"
    upgrade(url)
    return url


def make_ledger(url: str, orders: int) -> Ledger:
    ledger = Ledger(url, lease=timedelta(seconds=60))
    for number in range(orders):
        ledger.orders.look_again("a", f"{number}-01", now=datetime.now(UTC) - timedelta(hours=1))
    return ledger


def test_processes_that_race_for_orders_get_each_of_them_once(ledger_url: str) -> None:
    ledger = make_ledger(ledger_url, ORDERS)
    racers = [start(CLAIM_ALL, ledger_url, f"racer-{n}", str(ORDERS)) for n in range(PROCESSES)]
    assert {first_line(racer) for racer in racers} == {"ready"}

    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    claimed = Counter[str]()
    for racer in racers:
        claimed.update(json.loads(racer.communicate(timeout=60)[0]))

    assert claimed == Counter({f"{number}-01": 1 for number in range(ORDERS)})
    ledger.close()


def test_a_stale_holder_in_another_process_must_not_write(ledger_url: str) -> None:
    ledger = make_ledger(ledger_url, 2)
    stale = start(HOLD_AND_WRITE_LATE, ledger_url)
    assert first_line(stale) == "claimed"
    now = datetime.now(UTC)
    fresh = ledger.orders.claim("a", "1-01", Step.FETCH, owner="fresh", now=now)

    output = stale.communicate("go\n", timeout=60)[0]

    row, _, journal = ledger.inquiries.story("a", "1-01")
    assert fresh is not None
    assert output.strip() == "refused"
    assert row is not None
    assert (row["standing"], row["lease_owner"]) == ("active", "fresh")
    assert not journal
    ledger.close()
