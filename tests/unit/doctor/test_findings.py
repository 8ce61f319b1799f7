from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from orders_sync.doctor.bounded import Probe, run_probes
from orders_sync.doctor.findings import Finding, State, compare_clocks, exit_status, of_error
from orders_sync.errors import ConfigurationError, Unavailable

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("states", "status"),
    [
        pytest.param([], 0, id="nothing was looked at"),
        pytest.param([State.OK, State.NOT_PROBED], 0, id="all is well"),
        pytest.param([State.OK, State.WARNING], 1, id="a warning"),
        pytest.param([State.FAILED], 1, id="a failure"),
        pytest.param([State.FAILED, State.UNCONFIGURED], 3, id="a wrong setting"),
    ],
)
def test_the_gravest_finding_decides_the_status(states: list[State], status: int) -> None:
    assert exit_status(Finding("it", "x", state, "") for state in states) == status


@pytest.mark.parametrize(
    ("error", "state", "says"),
    [
        pytest.param(
            ConfigurationError("X is wrong."), State.UNCONFIGURED, "X is wrong.", id="set"
        ),
        pytest.param(Unavailable("It is away."), State.FAILED, "It is away.", id="ours"),
        pytest.param(
            ValueError("postgresql://me:secret@db"),
            State.FAILED,
            "It failed with ValueError.",
            id="another's, whose text may hold a secret",
        ),
    ],
)
def test_an_error_becomes_a_finding(error: Exception, state: State, says: str) -> None:
    finding = of_error("it", "x", error)

    assert (finding.state, finding.says) == (state, says)


def test_a_probe_that_hangs_or_fails_hides_no_other() -> None:
    never = threading.Event()

    def hangs() -> Iterator[Finding]:
        never.wait()
        yield Finding("a", "x", State.OK, "too late")

    def fails() -> Iterator[Finding]:
        yield Finding("b", "first", State.OK, "there")
        raise KeyError("x")

    probes = [Probe("a", "x", hangs), Probe("b", "all", fails)]

    found = list(run_probes(probes, seconds=1.0))

    never.set()
    assert [(f.subject, f.check, f.state) for f in found] == [
        ("a", "x", State.FAILED),
        ("b", "first", State.OK),
        ("b", "all", State.FAILED),
    ]
    assert found[0].says == "No answer within 1 s."


@pytest.mark.parametrize(
    ("seconds", "state", "words"),
    [
        pytest.param(0.0, State.OK, "within 5 s", id="the same"),
        pytest.param(5.0, State.OK, "within 5 s", id="at the bound"),
        pytest.param(6.0, State.WARNING, "6 s ahead of it", id="ahead"),
        pytest.param(-60.0, State.WARNING, "60 s behind it", id="behind"),
    ],
)
def test_clocks_may_differ_by_five_seconds(seconds: float, state: State, words: str) -> None:
    finding = compare_clocks("vtex", NOW, NOW + timedelta(seconds=seconds))

    assert finding.state is state
    assert words in finding.says
