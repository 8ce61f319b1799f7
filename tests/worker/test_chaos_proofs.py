"""What chaos finds in a system without one of its defences."""

from __future__ import annotations

import json
import shutil

import pytest
from chaos.proofs import PROOFS
from chaos.timetable import Kind
from support.chaos_runs import run_chaos


@pytest.mark.parametrize("kind", [Kind.KILLED, Kind.VTEX_DROPS_BEFORE])
def test_a_run_without_what_stands_against_its_faults_is_seen_to_break(kind: Kind) -> None:
    proof = PROOFS[kind]
    where = (f"--ledger={proof.ledger}", f"--erp={proof.erp}", f"--broker={proof.broker}")
    pace = (f"--latency={proof.latency_seconds}", f"--threads={proof.threads}")
    without = f"--without={','.join(proof.without)}"

    done = run_chaos(
        f"--seed={proof.seed}",
        f"--orders={proof.orders}",
        *where,
        *pace,
        f"--faults={kind}",
        without,
        "--alone",
        f"--settle={proof.settle_seconds}",
        "--json",
    )

    result = json.loads(done.stdout)
    assert proof.breaks in result["broken"], done.stderr
    assert done.returncode == 1
    shutil.rmtree(result["home"])
