from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orders_sync.embedded.promises import Verdict, judge
from orders_sync.embedded.records import PLAIN, ErpOrder, Evidence, Line, VtexOrder

LINES = (Line("A", "10", 1, 500), Line("B", "10", 2, 700))


def vtex(order_id: str = "1-01", **changes: Any) -> VtexOrder:
    """Make an order that went all the way."""
    order = VtexOrder(
        order_id=order_id,
        trouble=PLAIN,
        status="handling",
        is_completed=True,
        value_cents=1200,
        lines=LINES,
        ready_at=10.0,
        handling_at=12.0,
        start_handling_effects=1,
        start_handling_at=(12.0,),
        events_unacknowledged=0,
    )
    return replace(order, **changes)


def erp(order_id: str = "1-01", **changes: Any) -> ErpOrder:
    """Make the same order as the ERP has it."""
    order = ErpOrder(order_id, state="new", value_cents=1200, lines=LINES[::-1], placed_at=11.0)
    return replace(order, **changes)


UNTOUCHED: dict[str, Any] = {
    "handling_at": None,
    "start_handling_effects": 0,
    "start_handling_at": (),
}
#: An order that is not to be fulfilled, as it looks when nobody did.
NOT_OURS = {
    "cancelled": vtex("2-01", trouble="canceled-early", status="canceled", **UNTOUCHED),
    "replaced": vtex("2-01", trouble="replaced", status="replaced", **UNTOUCHED),
    "incomplete": vtex("2-01", trouble="incomplete", status=None, is_completed=False, **UNTOUCHED),
    "vanished": vtex("2-01", trouble="vanished", status="ready-for-handling", **UNTOUCHED),
    "malformed": vtex("2-01", trouble="malformed", status="ready-for-handling", **UNTOUCHED),
}


def judged(
    orders: tuple[VtexOrder, ...] = (vtex(),), rows: tuple[ErpOrder, ...] = (erp(),), **more: Any
) -> dict[str, Verdict]:
    """Judge some evidence; give the verdicts by name."""
    facts = {"feed_visible": 0, "feed_in_flight": 0, "leaks": (), "searched": 5, "people": 9}
    evidence = Evidence(orders, rows, **{**facts, **more})
    return {verdict.name: verdict for verdict in judge(evidence)}


def broken(verdicts: dict[str, Verdict]) -> set[str]:
    """Name the promises that were broken."""
    return {name for name, verdict in verdicts.items() if not verdict.kept}


def test_every_promise_is_kept_where_all_went_well() -> None:
    verdicts = judged()

    assert list(verdicts) == [
        "nothing_lost",
        "nothing_doubled",
        "in_order",
        "everything_ended",
        "one_bad_thing_stops_nothing",
        "nothing_personal_leaks",
    ]
    assert broken(verdicts) == set()


@pytest.mark.parametrize("order", NOT_OURS.values(), ids=NOT_OURS)
def test_an_order_that_nobody_owes_breaks_nothing(order: VtexOrder) -> None:
    assert broken(judged((vtex(), order))) == set()


def test_an_order_that_a_person_took_over_is_in_the_erp_without_a_call_of_ours() -> None:
    order = vtex(trouble="handled-in-admin", **UNTOUCHED)

    assert broken(judged((order,))) == set()


def test_an_order_that_was_cancelled_in_the_erp_too_breaks_nothing() -> None:
    order = vtex(status="canceled")

    assert broken(judged((order,), (erp(state="cancelled"),))) == set()


@pytest.mark.parametrize(
    ("order", "rows"),
    [
        pytest.param(vtex(), (), id="it is not in the ERP"),
        pytest.param(vtex(), (erp(lines=LINES[:1]),), id="a line is missing"),
        pytest.param(vtex(), (erp(state="cancelled"),), id="the ERP dropped it"),
        pytest.param(
            vtex(status="ready-for-handling", **UNTOUCHED), (erp(),), id="VTEX was not told"
        ),
        pytest.param(
            vtex(trouble="handled-in-admin", **UNTOUCHED), (), id="a person took it over in vain"
        ),
    ],
)
def test_an_order_that_is_lost_breaks_the_first_promise(
    order: VtexOrder, rows: tuple[ErpOrder, ...]
) -> None:
    verdict = judged((order,), rows)["nothing_lost"]

    assert not verdict.kept
    assert "1-01" in verdict.why


@pytest.mark.parametrize(
    ("orders", "rows"),
    [
        pytest.param((vtex(),), (erp(), erp()), id="it is there twice"),
        pytest.param((vtex(),), (erp(lines=(*LINES, LINES[0])),), id="a line is there twice"),
        pytest.param((vtex(),), (erp(value_cents=1201),), id="a cent too much"),
        pytest.param(
            (vtex(),),
            (erp(lines=(LINES[0], replace(LINES[1], quantity=3))),),
            id="another quantity",
        ),
        pytest.param((vtex(start_handling_effects=2),), (erp(),), id="started twice"),
        pytest.param((), (erp(),), id="VTEX never sold it"),
        *(
            pytest.param((order,), (erp("2-01"),), id=f"the ERP fulfils one that is {name}")
            for name, order in NOT_OURS.items()
        ),
    ],
)
def test_what_is_there_too_often_or_not_equal_breaks_the_second_promise(
    orders: tuple[VtexOrder, ...], rows: tuple[ErpOrder, ...]
) -> None:
    assert "nothing_doubled" in broken(judged(orders, rows))


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param((erp(placed_at=12.5),), id="the ERP had it later"),
        pytest.param((), id="the ERP never had it"),
    ],
)
def test_telling_vtex_before_the_erp_has_it_breaks_the_order_of_things(
    rows: tuple[ErpOrder, ...],
) -> None:
    assert "in_order" in broken(judged((vtex(),), rows))


@pytest.mark.parametrize(
    ("order", "feed"),
    [
        pytest.param(vtex(events_unacknowledged=1), {}, id="an event of an order"),
        pytest.param(vtex(), {"feed_visible": 1}, id="an event that waits"),
        pytest.param(vtex(), {"feed_in_flight": 1}, id="an event in flight"),
        pytest.param(vtex(status="ready-for-handling", **UNTOUCHED), {}, id="an order"),
    ],
)
def test_what_is_left_breaks_the_promise_that_everything_ends(
    order: VtexOrder, feed: dict[str, Any]
) -> None:
    assert "everything_ended" in broken(judged((order,), **feed))


def test_a_plain_order_that_waits_behind_a_troubled_one_breaks_a_promise() -> None:
    waiting = vtex(status="ready-for-handling", **UNTOUCHED)

    verdict = judged((NOT_OURS["malformed"], waiting), ())["one_bad_thing_stops_nothing"]

    assert not verdict.kept


@pytest.mark.parametrize(
    "found",
    [
        pytest.param({"leaks": ("logs/worker1.log",)}, id="a leak"),
        pytest.param({"searched": 0}, id="no file was searched"),
        pytest.param({"people": 0}, id="nothing was searched for"),
    ],
)
def test_a_leak_and_a_search_that_was_none_break_the_last_promise(found: dict[str, Any]) -> None:
    assert broken(judged(**found)) == {"nothing_personal_leaks"}


def test_of_many_violations_only_some_are_named() -> None:
    orders = tuple(vtex(f"{number}-01") for number in range(8))

    why = judged(orders, ())["nothing_lost"].why

    assert why == "broken by 0-01, 1-01, 2-01 and 5 more"
