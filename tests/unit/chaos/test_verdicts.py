from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from chaos.evidence import AccountEvidence, ChaosEvidence, Parked, Waits, unended
from chaos.plan import LIMITED, MAIN, NEIGHBOUR
from chaos.verdicts import judge_chaos
from unit.demo.evidence_makers import ANSWERS, asked_for, erp, vtex

from orders_sync.demo.records import AskedCommand, CommandAnswer, Evidence

TOO_MUCH = AskedCommand("1-01", "invoice", "7-X", is_impossible=True, row=4)
ASKED = (*asked_for(), TOO_MUCH)
REFUSED = {**ANSWERS, 4: CommandAnswer("refused", "It is more than the order's value.")}
UNREADABLE = vtex("2-01", trouble="malformed", status="ready-for-handling", packages=())


QUICK = Waits(placed=(0.4, 0.5), sent=(0.2, 0.3))
PREFETCH = {"worker1": 10, "worker2": 10}


def account(
    name: str = MAIN, demo: dict[str, Any] | None = None, **changes: Any
) -> AccountEvidence:
    """Make the evidence of an account in which all went well, to be spoiled in one place."""
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
    return replace(AccountEvidence(name, Evidence(**facts), calls=20, over_budget=0), **changes)


def evidence(
    demo: dict[str, Any] | None = None, *others: AccountEvidence, **changes: Any
) -> ChaosEvidence:
    """Make the evidence of a run in which all went well, to be spoiled in one place."""
    well = ChaosEvidence(
        accounts=(account(demo=demo), *others),
        parked=(),
        settled=True,
        alone=QUICK,
        beside=QUICK,
        messages_a_thread=2.0,
        prefetch_at_start=PREFETCH,
        prefetch=PREFETCH,
    )
    return replace(well, **changes)


def broken(found: ChaosEvidence) -> dict[str, str]:
    return {verdict.name: verdict.why for verdict in judge_chaos(found) if not verdict.kept}


def test_every_promise_of_the_demo_and_more_are_judged() -> None:
    names = [verdict.name for verdict in judge_chaos(evidence())]

    assert broken(evidence()) == {}
    assert len(names) == 20
    assert names[-7:] == [
        "settled_in_time",
        "nothing_parked",
        "within_the_budget",
        "commands_in_line",
        "fair_to_neighbours",
        "broker_stays_short",
        "prefetch_stays",
    ]


def test_what_breaks_a_promise_of_the_demo_is_seen_here_too() -> None:
    lost = evidence({"erp_orders": ()})

    assert "nothing_lost" in broken(lost)


def test_what_breaks_a_promise_in_one_account_breaks_it_in_all() -> None:
    lost = evidence(None, account("slow", {"erp_orders": ()}))

    assert broken(lost)["nothing_lost"].startswith("slow: broken by 1-01")


@pytest.mark.parametrize(
    ("demo", "named"),
    [
        pytest.param({"vtex_orders": (vtex(status="handling"),)}, "something", id="nothing open"),
        pytest.param(
            {"vtex_orders": (vtex(events_unacknowledged=1),)}, "1-01", id="an event waits"
        ),
        pytest.param(
            {"answers": {**REFUSED, 2: CommandAnswer("new", None)}}, "1-01", id="no answer"
        ),
    ],
)
def test_work_that_does_not_end_in_time_is_named(demo: dict[str, Any], named: str) -> None:
    found = broken(evidence(demo, settled=False))

    assert named in found["settled_in_time"]


def test_calls_beyond_the_budget_are_counted() -> None:
    over = evidence(None, account(NEIGHBOUR, over_budget=3))

    assert "3 calls of neighbour" in broken(over)["within_the_budget"]


def test_an_account_that_was_told_too_much_may_call_too_often() -> None:
    over = evidence(None, account(LIMITED, over_budget=3))

    assert broken(over) == {}


@pytest.mark.parametrize(
    ("beside", "named"),
    [
        pytest.param(Waits((0.4, 6.0), (0.3,)), "orders placed after 6.0 s", id="orders"),
        pytest.param(Waits((0.4,), (math.inf,)), "commands sent after inf s", id="never sent"),
    ],
)
def test_an_account_that_waits_for_its_neighbours_breaks_a_promise(
    beside: Waits, named: str
) -> None:
    assert named in broken(evidence(beside=beside))["fair_to_neighbours"]


def test_waiting_a_little_longer_beside_trouble_breaks_nothing() -> None:
    slow = Waits((4.0,), (4.0,))

    assert broken(evidence(beside=slow)) == {}
    assert broken(evidence(alone=slow, beside=Waits((15.9,), (15.9,)))) == {}


def test_a_broker_that_grows_breaks_a_promise() -> None:
    assert "10.1 messages" in broken(evidence(messages_a_thread=10.1))["broker_stays_short"]


@pytest.mark.parametrize(
    ("prefetch", "named"),
    [
        pytest.param({"worker1": 10, "worker2": 1}, "worker2 (1, 10 at", id="it shrank"),
        pytest.param({}, "no worker answers", id="nobody says"),
    ],
)
def test_a_worker_that_takes_fewer_messages_than_at_the_start_breaks_a_promise(
    prefetch: dict[str, int], named: str
) -> None:
    assert named in broken(evidence(prefetch=prefetch))["prefetch_stays"]


@pytest.mark.parametrize(
    "parked",
    [
        pytest.param(Parked(MAIN, "1-01", None, "vtex.unavailable"), id="an order"),
        pytest.param(Parked(MAIN, "1-01", "track", "vtex.unavailable"), id="a command"),
        pytest.param(
            Parked(MAIN, "3-01", "invoice", "vtex.refused"), id="a command of another order"
        ),
        pytest.param(Parked(MAIN, "?", None, "erp.refused"), id="an order that nobody knows"),
    ],
)
def test_what_a_fault_parked_breaks_a_promise(parked: Parked) -> None:
    found = broken(evidence(parked=(parked,)))

    assert set(found) == {"nothing_parked"}
    assert parked.cause in found["nothing_parked"]


def test_what_had_to_be_refused_or_cannot_be_read_may_be_parked() -> None:
    parked = (
        Parked(MAIN, "1-01", "invoice", "vtex.refused"),
        Parked(MAIN, "2-01", None, "order.unreadable"),
        Parked(MAIN, "12", None, "vtex.not_found"),
    )

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
