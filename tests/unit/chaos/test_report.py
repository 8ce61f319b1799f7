from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from chaos.plan import ChaosPlan
from chaos.report import lines, summary, to_json
from chaos.run import ChaosResult
from chaos.timetable import Kind
from click.testing import CliRunner

from orders_sync.demo.promises import PromiseVerdict

PLAN = ChaosPlan(7, 40, "sqlite", "volatile", "postgresql", ())
GOOD = ChaosResult(
    plan=PLAN,
    seconds=80.0,
    settled_after=12.34,
    calls=800,
    commands=150,
    restarts=3,
    faults={Kind.KILLED: 2, Kind.ERP_LOCKED: 1},
    verdicts=(PromiseVerdict("nothing_lost", kept=True, why="40 orders"),),
)
BAD = replace(
    GOOD,
    settled_after=None,
    verdicts=(PromiseVerdict("nothing_lost", kept=False, why="broken by 1-01"),),
)


def test_a_good_run_is_told_with_its_figures() -> None:
    told = to_json(GOOD, None)

    assert told["orders_per_second"] == 0.5
    assert (told["ledger"], told["broker"], told["erp"]) == ("sqlite", "volatile", "postgresql")
    assert told["calls_per_order"] == 20.0
    assert told["settled_after"] == 12.3
    assert told["faults"] == {"erp-locked": 1, "killed": 2}
    assert (told["promises"], told["broken"], told["home"]) == ({"nothing_lost": True}, {}, None)


def test_a_broken_run_says_what_broke_and_where_to_look() -> None:
    told = to_json(BAD, Path("/tmp/kept"))  # noqa: S108 - no file is made.

    assert told["broken"] == {"nothing_lost": "broken by 1-01"}
    assert told["home"] == "/tmp/kept"  # noqa: S108
    assert "BROKEN nothing_lost" in summary(BAD)
    assert "not settled" in summary(BAD)
    assert "BROKEN  nothing_lost: broken by 1-01" in list(lines(BAD))


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        pytest.param("--seeds=9-3", "seeds are given as 1-20", id="seeds the wrong way round"),
        pytest.param("--faults=killed,flooded", "there are: killed", id="an unknown kind"),
        pytest.param("--ledger=mysql", "is not one of", id="an unknown ledger"),
    ],
)
def test_what_cannot_be_run_is_refused(option: str, problem: str) -> None:
    from chaos.command import main  # noqa: PLC0415 - it needs PostgreSQL's driver.

    told = CliRunner().invoke(main, [option])

    assert told.exit_code == 2
    assert problem in told.output
