"""What chaos finds in a system without some of its defences."""

from __future__ import annotations

import json
import shutil

from chaos.proofs import PROOFS
from chaos.timetable import Kind
from support.chaos_runs import run_chaos


def test_a_run_without_what_stands_against_its_faults_is_seen_to_break() -> None:
    kinds = (Kind.KILLED, Kind.VTEX_DROPS_BEFORE)
    proof = PROOFS[Kind.KILLED]
    without = frozenset().union(*(PROOFS[kind].without for kind in kinds))

    done = run_chaos(
        f"--seed={proof.seed}",
        f"--orders={proof.orders}",
        f"--ledger={proof.ledger}",
        f"--erp={proof.erp}",
        f"--broker={proof.broker}",
        f"--latency={proof.latency_seconds}",
        f"--threads={proof.threads}",
        f"--faults={','.join(kinds)}",
        f"--without={','.join(without)}",
        "--alone",
        f"--settle={proof.settle_seconds}",
        "--json",
    )

    result = json.loads(done.stdout)
    assert set(result["faults"]) == set(kinds)
    assert {PROOFS[kind].breaks for kind in kinds} <= set(result["broken"]), done.stderr
    assert done.returncode == 1
    shutil.rmtree(result["home"])
