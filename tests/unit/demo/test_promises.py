from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from unit.demo.evidence_makers import LINES, UNTOUCHED, asked_for, broken, erp, judged, vtex

from orders_sync.demo.records import (
    AskedCommand,
    CommandAnswer,
    ErpOrder,
    HookPosts,
    VtexChange,
    VtexOrder,
)
from orders_sync.sandbox.editing import EDIT_REASON

#: An order that is not to be fulfilled, as it looks when nobody did.
NOT_OURS = {
    "cancelled": vtex("2-01", trouble="canceled-early", status="canceled", **UNTOUCHED),
    "replaced": vtex("2-01", trouble="replaced", status="replaced", **UNTOUCHED),
    "incomplete": vtex("2-01", trouble="incomplete", status=None, is_completed=False, **UNTOUCHED),
    "vanished": vtex("2-01", trouble="vanished", status="ready-for-handling", **UNTOUCHED),
    "malformed": vtex("2-01", trouble="malformed", status="ready-for-handling", **UNTOUCHED),
}


def test_every_promise_is_kept_where_all_went_well() -> None:
    verdicts = judged()

    assert list(verdicts) == [
        "nothing_lost",
        "nothing_doubled",
        "in_order",
        "everything_ended",
        "feed_is_the_guarantee",
        "one_bad_thing_stops_nothing",
        "nothing_personal_leaks",
        "changes_told",
        "invoices_add_up",
        "nothing_twice",
        "no_cancel_after_invoice",
        "tracking_in_order",
        "refusals_answered",
    ]
    assert broken(verdicts) == set()


def test_where_nobody_asks_for_commands_only_the_road_in_is_judged() -> None:
    order = vtex(status="handling", packages=())

    verdicts = judged((order,), asked=None, answers={})

    assert len(verdicts) == 7
    assert broken(verdicts) == set()


def test_an_order_that_the_hook_never_told_of_has_to_arrive_all_the_same() -> None:
    hook = HookPosts(taken=1, refused=2, dropped=3)

    kept = judged(hook=hook)["feed_is_the_guarantee"]
    lost = judged(rows=(), hook=hook)["feed_is_the_guarantee"]
    untold = judged()["feed_is_the_guarantee"]

    assert (kept.kept, kept.tested) == (True, True)
    assert "2 not taken and posted again, 3 never posted" in kept.why
    assert not lost.kept
    assert not untold.tested


@pytest.mark.parametrize("order", NOT_OURS.values(), ids=NOT_OURS)
def test_an_order_that_nobody_owes_breaks_nothing(order: VtexOrder) -> None:
    assert broken(judged((vtex(), order))) == set()


def test_an_order_that_a_person_took_over_is_in_the_erp_without_a_call_of_ours() -> None:
    order = vtex(
        trouble="handled-in-admin",
        handling_at=None,
        start_handling_effects=0,
        start_handling_at=(),
    )

    assert broken(judged((order,))) == set()


def test_an_order_that_was_cancelled_in_the_erp_too_breaks_nothing() -> None:
    order = vtex(status="canceled", packages=())

    verdicts = judged((order,), (erp(state="cancelled"),), asked=(), answers={})

    assert broken(verdicts) == set()


def test_an_order_that_the_erp_had_cancelled_itself_stays_in_its_tables() -> None:
    order = vtex(status="canceled", cancel_requests=1, **UNTOUCHED)
    by_erp = AskedCommand("1-01", "cancel", words="Sem estoque", row=1)
    by_service = replace(by_erp, row=None)
    answers = {1: CommandAnswer("done", None)}

    kept = judged((order,), (erp(),), asked=(by_erp,), answers=answers)
    not_told = judged((order,), (erp(),), asked=(by_service,), answers={})

    assert broken(kept) == set()
    assert broken(not_told) == {"nothing_doubled"}


@pytest.mark.parametrize(
    ("value_cents", "is_kept"),
    [
        pytest.param(1100, True, id="by what the change took away"),
        pytest.param(1099, False, id="by a cent more"),
    ],
)
def test_an_order_that_was_changed_differs_from_the_erps(
    value_cents: int, *, is_kept: bool
) -> None:
    change = VtexChange("Desconto", is_done=True, value_cents=-100)
    lines = (LINES[0], replace(LINES[1], quantity=1, total_cents=600))

    verdicts = judged((vtex(value_cents=value_cents, lines=lines, changes=(change,)),))

    assert verdicts["nothing_doubled"].kept is is_kept


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
        pytest.param(vtex(status="cancellation-requested"), {}, id="an undecided cancellation"),
        pytest.param(vtex(), {"answers": {1: CommandAnswer("parked", "?")}}, id="a parked command"),
        pytest.param(
            vtex(), {"answers": {1: CommandAnswer("accepted", None)}}, id="a waiting command"
        ),
    ],
)
def test_what_is_left_breaks_the_promise_that_everything_ends(
    order: VtexOrder, feed: dict[str, Any]
) -> None:
    assert "everything_ended" in broken(judged((order,), **feed))


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(AskedCommand("1-01", "invoice", "8"), id="an invoice"),
        pytest.param(AskedCommand("1-01", "invoice", "7", is_return=True), id="a return"),
        pytest.param(AskedCommand("1-01", "track", "8"), id="tracking"),
        pytest.param(AskedCommand("1-01", "track", "7", tracking_number="X"), id="its number"),
        pytest.param(AskedCommand("1-01", "cancel", words="Sem estoque"), id="a cancellation"),
        pytest.param(AskedCommand("1-01", "change", words="Desconto"), id="a change"),
        pytest.param(AskedCommand("1-01", "note", words="Olá"), id="a note"),
        pytest.param(AskedCommand("9-01", "note", words="Olá"), id="anything for no order"),
    ],
)
def test_a_command_without_effect_breaks_the_first_promise(asked: AskedCommand) -> None:
    verdict = judged(asked=(*asked_for(), asked))["nothing_lost"]

    assert verdict.why == f"broken by {asked.kind} of {asked.order_id}"


def test_a_change_and_a_note_that_are_there_keep_the_first_promise() -> None:
    change = VtexChange("Desconto", is_done=True, value_cents=0)
    wanted = (
        AskedCommand("1-01", "change", words="Desconto"),
        AskedCommand("1-01", "note", words="Olá"),
    )

    verdicts = judged((vtex(changes=(change,), notes=("Olá",)),), asked=(*asked_for(), *wanted))

    assert broken(verdicts) == set()


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

    why = judged(orders, (), asked=())["nothing_lost"].why

    assert why == "broken by 0-01, 1-01, 2-01 and 5 more"


def test_an_order_that_the_erp_never_took_may_be_known_there_as_cancelled() -> None:
    order = vtex(status="canceled", **UNTOUCHED)
    row = erp(state="cancelled", lines=(), value_cents=0)

    assert broken(judged((order,), (row,), asked=(), answers={})) == set()
    assert "nothing_doubled" in broken(judged((vtex(),), (row,), asked=(), answers={}))


EDITED = vtex(edits=("items", "carrier"), changes=(VtexChange(EDIT_REASON, True, -100),))
TOLD = ((2, "line"), (2, "value"), (3, "carrier"))


def test_an_edited_order_is_in_the_erp_as_it_is() -> None:
    assert broken(judged((EDITED,), (erp(changes=TOLD),))) == set()
    dearer = erp(changes=TOLD, value_cents=1300, difference_cents=100)
    assert "nothing_doubled" in broken(judged((EDITED,), (dearer,)))


@pytest.mark.parametrize(
    "told",
    [
        pytest.param((), id="nothing"),
        pytest.param(TOLD[:2], id="a part"),
        pytest.param((*TOLD, (4, "carrier")), id="twice"),
        pytest.param((*TOLD, (3, "delivery address")), id="what nobody edited"),
    ],
)
def test_an_edit_that_the_erp_did_not_hear_of_once_breaks_a_promise(
    told: tuple[tuple[int, str], ...],
) -> None:
    assert broken(judged((EDITED,), (erp(changes=told),))) == {"changes_told"}


def test_a_change_that_the_erp_asked_for_and_was_told_breaks_a_promise() -> None:
    order = vtex(value_cents=1100, changes=(VtexChange("Uma peça a menos", True, -100),))
    told = erp(changes=((2, "line"), (2, "value")))

    assert "changes_told" in broken(judged((order,), (told,)))
    assert "changes_told" not in broken(judged((order,), (erp(),)))
