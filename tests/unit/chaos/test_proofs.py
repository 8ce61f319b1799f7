from __future__ import annotations

from collections.abc import Callable, Collection

import pytest
from chaos.plan import ChaosPlan
from chaos.proofs import PROOFS, UNPROVEN, find_problems
from chaos.run import ChaosResult
from chaos.timetable import Kind

from orders_sync.demo.promises import PromiseVerdict


def runs(*, whole: Collection[str], weak: Collection[str]) -> Callable[[ChaosPlan], ChaosResult]:
    """Give what runs a plan, and breaks these promises with and without the defences."""

    def run(plan: ChaosPlan) -> ChaosResult:
        broken = weak if plan.without else whole
        names = {"nothing_lost", *broken}
        return ChaosResult(
            plan=plan,
            seconds=80.0,
            settled_after=12.0,
            calls=800,
            commands=150,
            restarts=0,
            faults={},
            verdicts=tuple(PromiseVerdict(name, kept=name not in broken, why="") for name in names),
        )

    return run


def test_every_kind_has_a_proof_or_is_named_as_unproven() -> None:
    assert set(Kind) - set(PROOFS) == UNPROVEN


@pytest.mark.parametrize("kind", PROOFS)
def test_a_seed_draws_its_kind_of_fault_and_no_other(kind: Kind) -> None:
    proof = PROOFS[kind]

    plan = proof.plan(kind)

    assert {fault.kind for fault in plan.faults} == {kind}
    assert proof.without
    assert not plan.without


@pytest.mark.parametrize(
    ("whole", "weak", "problems"),
    [
        pytest.param([], [PROOFS[Kind.KILLED].breaks, "other"], [], id="it breaks as it should"),
        pytest.param(
            [],
            ["other"],
            ["killed: seed 1 keeps settled_in_time without redispatch, returning"],
            id="it breaks something else",
        ),
        pytest.param(
            ["nothing_lost"],
            [PROOFS[Kind.KILLED].breaks],
            ["killed: seed 1 breaks nothing_lost with everything in its place"],
            id="it breaks with its defences too",
        ),
    ],
)
def test_a_proof_is_a_seed_that_breaks_only_without_its_defences(
    whole: Collection[str], weak: Collection[str], problems: list[str]
) -> None:
    found = list(find_problems(Kind.KILLED, runs(whole=whole, weak=weak)))

    assert found == problems
