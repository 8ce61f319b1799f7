"""Whole runs of chaos, as a person starts them: `python -m tests.chaos`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from chaos.plan import BrokerKind
from chaos.proofs import PROOFS
from chaos.timetable import DatabaseKind, Kind

ROOT = Path(__file__).parents[2]

#: Ample: on an idle machine a run takes a minute and a half.
RUN_SECONDS = 420.0


def run(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.chaos", *options],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
    )


@pytest.mark.parametrize(
    ("seed", "database", "broker", "accounts"),
    [
        pytest.param(3, "sqlite", "persistent", ["--alone"], id="files, a broker that persists"),
        pytest.param(
            4, "postgresql", "volatile", [], id="accounts, servers, a broker that forgets"
        ),
    ],
)
def test_every_promise_is_kept_under_fire(
    request: pytest.FixtureRequest,
    seed: int,
    database: DatabaseKind,
    broker: BrokerKind,
    accounts: list[str],
) -> None:
    if database == "postgresql":
        request.getfixturevalue("postgres")  # The run has servers of its own, if they can be had.
    where = (f"--ledger={database}", f"--erp={database}", f"--broker={broker}")

    done = run(f"--seed={seed}", "--orders=40", *accounts, *where, "--json")

    result = json.loads(done.stdout)
    assert result["broken"] == {}, done.stderr
    assert set(result["promises"].values()) == {True}
    assert done.returncode == 0
    assert [result[each] for each in ("orders", "ledger", "erp")] == [40, database, database]
    assert result["broker"] == broker
    assert sum(result["faults"].values()) >= 8
    assert result["commands"] > 40
    assert result["home"] is None


@pytest.mark.parametrize("kind", [Kind.KILLED, Kind.VTEX_DROPS_BEFORE])
def test_a_run_without_what_stands_against_its_faults_is_seen_to_break(kind: Kind) -> None:
    proof = PROOFS[kind]
    where = (f"--ledger={proof.ledger}", f"--erp={proof.erp}", f"--broker={proof.broker}")
    without = f"--without={','.join(proof.without)}"

    done = run(
        f"--seed={proof.seed}",
        f"--orders={proof.orders}",
        *where,
        f"--faults={kind}",
        without,
        "--alone",
        f"--settle={proof.settle_seconds}",
        "--json",
    )

    result = json.loads(done.stdout)
    shutil.rmtree(result["home"])
    assert proof.breaks in result["broken"], done.stderr
    assert done.returncode == 1


def test_a_kind_of_fault_that_there_is_not_is_refused_with_those_there_are() -> None:
    done = run("--faults=killed,flooded")

    assert done.returncode == 2
    assert "there are: killed, terminated" in done.stderr
    assert done.stdout == ""
