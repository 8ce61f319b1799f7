from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from chaos.evidence import ChaosEvidence, Parked, unended
from chaos.verdicts import judge_chaos
from unit.demo.evidence_makers import ANSWERS, asked_for, erp, vtex

from orders_sync.demo.records import Answer, AskedCommand, Evidence

TOO_MUCH = AskedCommand("1-01", "invoice", "7-X", is_impossible=True, row=4)
ASKED = (*asked_for(), TOO_MUCH)
REFUSED = {**ANSWERS, 4: Answer("refused", "It is more than the order's value.")}
UNREADABLE = vtex("2-01", trouble="malformed", status="ready-for-handling", packages=())


def evidence(demo: dict[str, Any] | None = None, **changes: Any) -> ChaosEvidence:
    """Make the evidence of a run in which all went well, to be spoiled in one place."""
    facts: dict[str, Any] = {
        "vtex_orders": (vtex(),),
        "erp_orders": (erp(),),
        "feed_visible": 0,
        "feed_in_flight": 0,
        "leaks": (),
        "searched": 5,
        "people": 9,
        "asked": ASKED,
        "answers": REFUSED,
        **(demo or {}),
    }
    well = ChaosEvidence(Evidence(**facts), parked=(), calls=20, over_budget=0, settled=True)
    return replace(well, **changes)


def broken(found: ChaosEvidence) -> dict[str, str]:
    return {verdict.name: verdict.why for verdict in judge_chaos(found) if not verdict.kept}


def test_every_promise_of_the_demo_and_three_more_are_judged() -> None:
    names = [verdict.name for verdict in judge_chaos(evidence())]

    assert broken(evidence()) == {}
    assert len(names) == 14
    assert names[-3:] == ["settled_in_time", "nothing_parked", "within_the_budget"]


def test_what_breaks_a_promise_of_the_demo_is_seen_here_too() -> None:
    lost = evidence({"erp_orders": ()})

    assert "nothing_lost" in broken(lost)


@pytest.mark.parametrize(
    ("demo", "named"),
    [
        pytest.param({"vtex_orders": (vtex(status="handling"),)}, "something", id="nothing open"),
        pytest.param(
            {"vtex_orders": (vtex(events_unacknowledged=1),)}, "1-01", id="an event waits"
        ),
        pytest.param({"answers": {**REFUSED, 2: Answer("new", None)}}, "1-01", id="no answer"),
    ],
)
def test_work_that_does_not_end_in_time_is_named(demo: dict[str, Any], named: str) -> None:
    found = broken(evidence(demo, settled=False))

    assert named in found["settled_in_time"]


def test_calls_beyond_the_budget_are_counted() -> None:
    assert "3 calls" in broken(evidence(over_budget=3))["within_the_budget"]


@pytest.mark.parametrize(
    "parked",
    [
        pytest.param(Parked("1-01", None, "vtex.unavailable"), id="an order"),
        pytest.param(Parked("1-01", "track", "vtex.unavailable"), id="a command"),
        pytest.param(Parked("3-01", "invoice", "vtex.refused"), id="a command of another order"),
        pytest.param(Parked("?", None, "erp.refused"), id="an order that nobody knows"),
    ],
)
def test_what_a_fault_parked_breaks_a_promise(parked: Parked) -> None:
    found = broken(evidence(parked=(parked,)))

    assert set(found) == {"nothing_parked"}
    assert parked.cause in found["nothing_parked"]


def test_what_had_to_be_refused_or_cannot_be_read_may_be_parked() -> None:
    parked = (Parked("1-01", "invoice", "vtex.refused"), Parked("2-01", None, "order.unreadable"))

    found = broken(evidence({"vtex_orders": (vtex(), UNREADABLE)}, parked=parked))

    assert "nothing_parked" not in found


def test_orders_with_something_left_to_do_are_found() -> None:
    orders = (
        vtex(),
        vtex("2-01", events_unacknowledged=2),
        vtex("3-01", status="cancellation-requested"),
    )
    by_service = AskedCommand("1-01", "note", words="Nota 7 emitida")

    assert unended(orders, ASKED, REFUSED) == ["2-01", "3-01"]
    assert unended(orders, (*ASKED, by_service), REFUSED) == ["1-01", "2-01", "3-01"]
    assert unended(orders, ASKED, ANSWERS) == ["1-01", "2-01", "3-01"]
