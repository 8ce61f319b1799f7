from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from chaos.defences import Defence

from orders_sync.settings import child_environment

_TESTS = Path(__file__).parents[2]

PROGRAM = """
import json
from celery.apps import worker
from orders_sync.bootstrap import Ledger, LedgerClock
from orders_sync.broker import channel, consumer, liveness
from orders_sync.erp.staging import StagingErp
from orders_sync.ledger import engine, processes, transitions
from orders_sync.outbound import steps
from orders_sync.upkeep import tasks
from orders_sync.vtex import transport
from orders_sync.worker import step_task

print(json.dumps([
    Ledger.__module__,
    processes.Processes.bury.__module__,
    tasks.reconcile.__module__,
    consumer.give_back.__module__,
    liveness.ConsumerHeartbeat.beat.__module__,
    channel.QoS.restore_unacked.__module__,
    worker.install_worker_term_handler.__module__,
    steps._read.__module__,
    steps.until.__module__,
    transitions.Commands.intend.__module__,
    step_task.decide.__module__,
    transport.until.__module__,
    LedgerClock.__module__,
    consumer.Consumer.check.__module__,
    StagingErp._write_tombstone.__module__,
    engine._BUSY_SECONDS,
]))
"""


def places(folder: Path, without: str) -> list[object]:
    (folder / "told.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-m", "chaos.weakened", "0", without, str(folder / "slept"), "told"],
        env=child_environment(PYTHONPATH=f"{folder}:{_TESTS}"),
        capture_output=True,
        check=True,
        text=True,
    )
    found: list[object] = json.loads(done.stdout)
    return found


def test_every_defence_can_be_taken_away(tmp_path: Path) -> None:
    assert set(places(tmp_path, ",".join(Defence))) == {"chaos.defences", 0.5}


def test_nothing_is_taken_away_unasked(tmp_path: Path) -> None:
    found = places(tmp_path, "")

    assert "chaos.defences" not in found
    assert found[-1] == 30
