"""Whole runs of chaos, as a person starts them: `python -m tests.chaos`."""

from __future__ import annotations

import json

import pytest
from chaos.plan import BrokerKind
from chaos.timetable import DatabaseKind
from support.chaos_runs import run_chaos


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

    done = run_chaos(f"--seed={seed}", "--orders=40", *accounts, *where, "--json")

    result = json.loads(done.stdout)
    assert result["broken"] == {}, done.stderr
    assert set(result["promises"].values()) == {True}
    assert done.returncode == 0
    assert [result[each] for each in ("orders", "ledger", "erp")] == [40, database, database]
    assert result["broker"] == broker
    assert sum(result["faults"].values()) >= 8
    assert result["commands"] > 40
    assert result["home"] is None


def test_a_kind_of_fault_that_there_is_not_is_refused_with_those_there_are() -> None:
    done = run_chaos("--faults=killed,flooded")

    assert done.returncode == 2
    assert "there are: killed, terminated" in done.stderr
    assert done.stdout == ""
