"""What is retried and discarded: by id, or all of one cause."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from support.office import ORDER, Office
from support.parking import CAUSE, ORDER_CAUSE, parked_invoice, parked_order
from support.shop import STORE, Shop

from orders_sync.domain.events import OrderEvent


def standings(shop: Shop) -> dict[str, str]:
    listed = shop.answers("orders", "list")["orders"]
    return {row["order_id"]: row["standing"] for row in listed}


@pytest.fixture
def two(office: Office) -> Office:
    parked_order(office, "a-01")
    parked_order(office, "b-01")
    return office


@pytest.mark.usefixtures("two")
def test_a_discarded_order_is_void_and_says_why(shop: Shop) -> None:
    output = shop.prints("parked", "discard", "a-01", "--reason", "sold by phone")

    story = shop.answers("orders", "show", "a-01")
    assert output == f"Discarded order a-01 of {STORE}.\n"
    assert standings(shop) == {"a-01": "void", "b-01": "parked"}
    assert (story["order"]["cause"], story["order"]["next_step"]) == ("order.discarded", None)
    assert [(act["did"], act["why"]) for act in story["acts"]] == [
        ("parked discard", "sold by phone")
    ]
    assert story["journal"][-1]["what"] == "order.discarded"


def test_the_events_of_a_discarded_order_leave_the_feed(shop: Shop, office: Office) -> None:
    event = OrderEvent(ORDER, "Fulfillment", "ready-for-handling", None, "now", "1", "handle")
    office.ledger.events.record(STORE, [event], now=office.clock())
    parked_order(office, ORDER)

    shop.prints("parked", "discard", ORDER, "--reason", "twice")

    may_go = office.ledger.events.to_acknowledge(
        STORE, delivered_after=office.clock() - timedelta(hours=1), limit=10, at_once=False
    )
    assert list(may_go) == ["handle"]


@pytest.mark.usefixtures("two")
def test_a_cause_is_decided_about_once_it_is_confirmed(shop: Shop) -> None:
    command = ("parked", "retry", "--cause", ORDER_CAUSE, "--all")

    no = shop.types(*command, stdin="n\n")
    untouched = standings(shop)
    yes = shop.types(*command, stdin="y\n")

    assert (no.exit_code, yes.exit_code) == (1, 0)
    assert f"Retry 2 parked for {ORDER_CAUSE}?" in no.stderr
    assert set(untouched.values()) == {"parked"}
    assert set(standings(shop).values()) == {"active"}


@pytest.mark.usefixtures("two")
def test_nobody_is_asked_where_that_was_said(shop: Shop) -> None:
    answer = shop.answers(
        "parked", "discard", "--cause", ORDER_CAUSE, "--all", "--yes", "--reason", "old"
    )

    assert {each["order_id"] for each in answer["done"]} == {"a-01", "b-01"}
    assert set(standings(shop).values()) == {"void"}


def test_orders_and_commands_are_discarded_together(shop: Shop, two: Office) -> None:
    command_id = parked_invoice(two)

    shop.prints("parked", "discard", command_id, "a-01", "--reason", "gone")

    assert shop.command(command_id)["standing"] == "void"
    assert standings(shop)["a-01"] == "void"


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize("verb", ["retry", "discard"])
def test_what_is_not_parked_is_refused_beside_what_is(shop: Shop, verb: str) -> None:
    shop.prints("orders", "sync", "b-01")

    result = shop.types("parked", verb, "a-01", "b-01", "nonsense", "--reason", "x")

    assert result.exit_code == 1
    assert "b-01 of mystore is not parked: it is active" in result.stderr
    assert "nonsense is neither a command nor an order" in result.stderr
    assert standings(shop)["a-01"] != "parked"
    assert "nonsense" not in standings(shop)


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["--cause", ORDER_CAUSE], "Say --all", id="a cause without --all"),
        pytest.param(["--all"], "Name orders or commands", id="all of nothing"),
        pytest.param(["a-01", "--all"], "--all belongs to a --cause", id="ids and --all"),
        pytest.param(["a-01", "--cause", CAUSE], "Name orders or commands", id="ids and a cause"),
    ],
)
@pytest.mark.parametrize("verb", ["retry", "discard"])
def test_a_choice_that_may_be_larger_than_meant_is_refused(
    shop: Shop, verb: str, arguments: list[str], words: str
) -> None:
    result = shop.types("parked", verb, *arguments, "--reason", "x")

    assert result.exit_code == 2
    assert words in result.stderr
    assert set(standings(shop).values()) == {"parked"}


def test_an_order_that_a_command_holds_is_not_discarded(shop: Shop, office: Office) -> None:
    office.clock.now = datetime.now(UTC)
    parked_order(office, ORDER)
    command_id = office.ask("cancel", {"reason": "fraud"})
    office.claim(command_id)

    result = shop.types("parked", "discard", ORDER, "--reason", "x")

    assert result.exit_code == 1
    assert "A command is being sent" in result.stderr
    assert standings(shop)[ORDER] == "parked"
