"""Which commands of an order stand in one line, and which of them may go."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orders_sync.commands import NAMED
from orders_sync.commands.kind import GOODS
from orders_sync.commands.lines import LINES, Place, blocker, blockers, is_rest, line_of
from orders_sync.domain.rules import Standing

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
QUANTITY = {"sku": "1", "quantity": 1}
BODIES = {
    "invoice": {"number": "7"},
    "track": {"invoice_number": "7", "delivered": True},
    "change": {"reason": "late", "manual_discount_cents": 1},
    "note": {"message": "hello"},
    "sync": {},
}


def place(kind: str, position: int = 1, **known: Any) -> Place:
    asked_at = NOW + timedelta(seconds=position)
    facts = {
        "command_id": f"{kind}{position}",
        "standing": Standing.ACTIVE,
        "outcome": "accepted",
        "has_begun": False,
        "is_rest": False,
        "number": f"{position}" if kind == "invoice" else None,
        "asked_key": None,
        "brings_number": False,
        "created_at": asked_at,
    }
    return Place(kind=kind, position=position, **{**facts, **known})


def parked(kind: str, outcome: str = "parked", **known: Any) -> Place:
    return place(kind, standing=Standing.PARKED, outcome=outcome, **known)


def begun(kind: str, position: int = 1, **known: Any) -> Place:
    return place(kind, position, has_begun=True, **known)


def the_rest(**known: Any) -> Place:
    return place("invoice", 9, is_rest=True, **known)


def waits(line: list[Place]) -> dict[str, str | None]:
    return {
        each.command_id: None if other is None else other.command_id
        for each, other in blockers(line)
    }


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("invoice", "goods"),
        ("change", "goods"),
        ("cancel", "goods"),
        ("deny", "goods"),
        ("track", "tracking/7"),
        ("note", None),
        ("sync", None),
    ],
)
def test_a_command_stands_in_the_line_of_what_it_conflicts_with(
    kind: str, line: str | None
) -> None:
    body = NAMED[kind].body.model_validate(BODIES.get(kind, {"reason": "fraud"}))

    assert line_of(kind, body) == line


def test_every_kind_with_a_line_is_a_command() -> None:
    assert set(LINES) <= set(NAMED)


@pytest.mark.parametrize(
    ("kind", "body", "is_all"),
    [
        pytest.param("invoice", {"number": "1"}, True, id="nothing said"),
        pytest.param("invoice", {"number": "1", "value_cents": 5}, False, id="a value"),
        pytest.param("invoice", {"number": "1", "items": [QUANTITY]}, False, id="items"),
        pytest.param("note", {"message": "hello"}, False, id="no invoice"),
    ],
)
def test_an_invoice_without_value_and_items_is_of_all_that_is_left(
    kind: str, body: dict[str, Any], is_all: bool
) -> None:
    assert is_rest(NAMED[kind].body.model_validate(body)) is is_all


@pytest.mark.parametrize(
    ("ahead", "behind", "may_go"),
    [
        pytest.param(place("invoice"), "invoice", False, id="an invoice behind an invoice"),
        pytest.param(
            place("invoice", standing=Standing.WAITING),
            "invoice",
            False,
            id="an invoice behind one that waits for a retry",
        ),
        pytest.param(begun("change"), "invoice", False, id="an invoice behind a change"),
        pytest.param(place("cancel"), "invoice", False, id="an invoice behind a cancellation"),
        pytest.param(place("invoice"), "change", False, id="a change behind an invoice"),
        pytest.param(place("track"), "track", False, id="tracking behind tracking"),
        pytest.param(place("invoice"), "cancel", True, id="a cancellation passes an invoice"),
        pytest.param(place("change"), "cancel", True, id="a cancellation passes a change"),
        pytest.param(begun("invoice"), "cancel", False, id="not one that has begun"),
        pytest.param(begun("cancel"), "cancel", False, id="nor a cancellation that has begun"),
        pytest.param(place("invoice"), "deny", True, id="a denial passes an invoice"),
        pytest.param(begun("invoice"), "deny", False, id="not one that has begun either"),
        pytest.param(begun("cancel"), "deny", True, id="a denial passes a cancellation"),
    ],
)
def test_an_unfinished_command_is_passed_by_few(ahead: Place, behind: str, may_go: bool) -> None:
    later = place(behind, 9)

    assert blocker(later, [ahead]) == (None if may_go else ahead)


@pytest.mark.parametrize(
    ("ahead", "brings_number", "may_go"),
    [
        pytest.param(place("track"), True, True, id="events that wait for a number"),
        pytest.param(place("track"), False, False, id="events behind events"),
        pytest.param(place("track", brings_number=True), True, False, id="a correction"),
        pytest.param(begun("track"), True, False, id="events that may be in VTEX"),
    ],
)
def test_tracking_passes_only_what_waits_for_its_number(
    ahead: Place, brings_number: bool, may_go: bool
) -> None:
    later = place("track", 9, brings_number=brings_number)

    assert blocker(later, [ahead]) == (None if may_go else ahead)


def test_a_return_keeps_no_invoice_behind_it() -> None:
    body = NAMED["invoice"].body.model_validate(
        {"number": "7", "type": "Input", "items": [QUANTITY]}
    )

    assert line_of("invoice", body) not in {None, line_of("invoice", None)}


def test_a_command_that_passes_one_still_waits_for_another() -> None:
    not_begun, sent = place("change"), begun("invoice", 2)

    assert blocker(place("cancel", 9), [not_begun, sent]) == sent


@pytest.mark.parametrize(
    ("ahead", "behind", "may_go"),
    [
        pytest.param(parked("invoice"), the_rest(), False, id="the rest behind an undecided one"),
        pytest.param(parked("change"), the_rest(), False, id="the rest behind a change"),
        pytest.param(parked("cancel"), the_rest(), True, id="the rest behind a cancellation"),
        pytest.param(parked("invoice"), place("invoice", 9), True, id="a value of its own"),
        pytest.param(parked("invoice"), place("change", 9), True, id="a change"),
        pytest.param(parked("invoice"), place("cancel", 9), True, id="a cancellation"),
        pytest.param(
            parked("invoice", asked_key="k"), the_rest(asked_key="k"), True, id="under its key"
        ),
        pytest.param(
            parked("invoice", number="9"), the_rest(), True, id="of the same invoice number"
        ),
        pytest.param(
            parked("change", asked_key="k"), the_rest(asked_key="k"), False, id="another kind's key"
        ),
        pytest.param(parked("invoice", "refused"), the_rest(), True, id="behind a refused one"),
    ],
)
def test_a_parked_command_holds_what_would_count_it_twice(
    ahead: Place, behind: Place, may_go: bool
) -> None:
    assert blocker(behind, [ahead]) == (None if may_go else ahead)


def test_one_that_has_begun_goes_on_whatever_stands_before_it() -> None:
    line = [parked("change"), place("invoice", 2), begun("invoice", 3, is_rest=True)]

    assert waits(line)["invoice3"] is None


def test_one_that_has_begun_holds_the_older_ones_back() -> None:
    line = [place("invoice", 1), begun("cancel", 2), place("invoice", 3)]

    assert waits(line) == {"invoice1": "cancel2", "cancel2": None, "invoice3": "invoice1"}


def test_what_is_parked_keeps_its_place_and_is_not_asked_to_go() -> None:
    assert waits([parked("invoice"), place("invoice", 2)]) == {"invoice2": None}


def test_a_line_goes_by_place_then_by_age_then_by_name() -> None:
    first = place("invoice", 2, command_id="c", created_at=NOW)
    line = [
        place("invoice", 3, command_id="d", created_at=NOW),
        replace(first, command_id="b", created_at=NOW + timedelta(seconds=1)),
        first,
        replace(first, command_id="a", created_at=NOW + timedelta(seconds=1)),
    ]

    assert waits(line) == {"c": None, "a": "c", "b": "c", "d": "c"}


def test_a_line_of_nobody_and_one_of_one_wait_for_nobody() -> None:
    assert waits([]) == {}
    assert waits([place("invoice")]) == {"invoice1": None}
    assert LINES["invoice"] == GOODS
