from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.office import ORDER, Office
from support.order_documents import document as make_document
from support.order_documents import item
from support.parking import CAUSE, ORDER_CAUSE, parked_invoice, parked_order
from support.shop import STORE, Shop

from orders_sync.cli.order_report import describe_reckoning
from orders_sync.domain.amounts import Reckoning
from orders_sync.domain.events import OrderEvent
from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import Step, StepResult
from orders_sync.testing.clock import SettableClock


def handled(office: Office, order_id: str, document: bytes = b"{}") -> None:
    orders = office.ledger.orders
    orders.look_again(STORE, order_id, now=office.clock())
    claim = orders.claim(STORE, order_id, Step.FETCH, owner="me", now=office.clock())
    assert claim is not None
    done = StepResult(Standing.DONE, None, status="handling", document=document)
    orders.complete(claim, done, office.entry, now=office.clock())


@pytest.fixture
def three(office: Office) -> Office:
    """An order that is done, one that is parked, and one that is new, in this order."""
    handled(office, "a-01")
    office.clock.advance(60)
    parked_order(office, "b-01")
    office.clock.advance(60)
    office.ledger.orders.look_again(STORE, "c-01", now=office.clock())
    return office


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("options", "found"),
    [
        pytest.param([], ["c-01", "b-01", "a-01"], id="all, the latest changed first"),
        pytest.param(["--standing", "parked"], ["b-01"], id="by standing"),
        pytest.param(["--status", "handling"], ["a-01"], id="by status"),
        pytest.param(["--cause", ORDER_CAUSE], ["b-01"], id="by cause"),
        pytest.param(["--account", STORE, "--standing", "done"], ["a-01"], id="by two"),
        pytest.param(["--status", "invoiced"], [], id="none"),
    ],
)
def test_orders_are_listed_by_what_is_asked_for(
    shop: Shop, options: list[str], found: list[str]
) -> None:
    answer = shop.answers("orders", "list", *options)

    assert [row["order_id"] for row in answer["orders"]] == found
    assert answer["total"] == len(found)


def test_a_status_that_none_has_is_said_to_be_of_the_last_read(shop: Shop) -> None:
    assert "when it was read last" in shop.prints("orders", "list", "--status", "invoiced")
    assert "read last" in shop.prints("orders", "list", "--help")


@pytest.mark.parametrize(("age", "found"), [("2h", ["old-01"]), ("4h", [])])
def test_orders_are_listed_by_their_age(
    shop: Shop, office: Office, age: str, found: list[str]
) -> None:
    office.clock.now = datetime.now(UTC) - timedelta(hours=3)
    parked_order(office, "old-01")
    office.clock.now = datetime.now(UTC)
    parked_order(office, "new-01")

    answer = shop.answers("orders", "list", "--older-than", age)

    assert [row["order_id"] for row in answer["orders"]] == found


@pytest.mark.usefixtures("three")
def test_the_list_says_how_many_more_there_are(shop: Shop) -> None:
    output = shop.prints("orders", "list", "--limit", "1")

    assert "2 more; see them with --limit" in output
    assert "a-01" not in output


def test_an_order_tells_its_whole_story(shop: Shop, office: Office) -> None:
    parked_order(office, ORDER)
    shop.prints("parked", "retry", ORDER, "--why", "mapped")
    handled(office, ORDER)
    command_id = parked_invoice(office)

    output = shop.prints("orders", "show", ORDER)
    answer = shop.answers("orders", "show", ORDER)

    assert output.startswith(f"Order {ORDER} of {STORE}\n")
    assert "status: handling\n" in output
    assert f"command {command_id}, asked for by erp under erp-7\n" in output
    assert f"invoice 7  parked: {CAUSE}\n" in output
    assert "    why: no\n    hint: mend it\n" in output
    assert f"    retry: orders-sync parked retry {command_id}\n" in output
    assert "mapped" in output.partition("By hand")[2]
    assert set(answer) == {
        "order",
        "whereabouts",
        "document_read_at",
        "reckoning",
        "events",
        "commands",
        "journal",
        "acts",
    }
    assert [row["cause"] for row in answer["commands"]] == [CAUSE]
    assert answer["document_read_at"].endswith("+00:00")


def test_a_parked_order_is_shown_with_the_commands_to_type(shop: Shop, office: Office) -> None:
    parked_order(office, ORDER)

    output = shop.prints("orders", "show", ORDER)

    assert "it waits for a person.\n" in output
    assert f"  orders-sync parked retry {ORDER} --account {STORE}\n" in output
    assert "hint: map it\n" in output


def test_an_order_that_waits_for_a_breaker_shows_the_cause_behind_it(
    shop: Shop, office: Office, clock: SettableClock
) -> None:
    [dispatch] = office.ledger.orders.look_again(STORE, "a-01", now=clock())
    claim = office.ledger.orders.claim(STORE, "a-01", dispatch.step, owner="me", now=clock())
    assert claim is not None
    office.ledger.orders.defer(
        claim,
        None,
        due_at=clock(),
        cause="traffic.breaker",
        reason="It failed too often.",
        counts=False,
        now=clock(),
    )

    story = shop.answers("orders", "show", "a-01")
    listed = shop.answers("orders", "list")

    assert story["order"]["cause"] == "vtex.unavailable"
    assert [row["cause"] for row in listed["orders"]] == ["vtex.unavailable"]


def test_an_order_that_only_vtex_has_is_named_with_its_command(shop: Shop) -> None:
    [order_id] = shop.box.create_orders(1)

    result = shop.types("orders", "show", order_id)

    assert result.exit_code == 1
    assert f"VTEX has it in {STORE}" in result.stderr
    assert f"orders-sync orders sync {order_id} --account {STORE}" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_an_order_that_nobody_has_may_be_mistyped(shop: Shop) -> None:
    result = shop.types("orders", "show", "nonsense")

    assert result.exit_code == 1
    assert f"VTEX has none by that id in {STORE}. Check the id" in result.stderr


def test_vtex_that_cannot_be_asked_is_no_verdict(shop: Shop) -> None:
    shop.box.dials.turn({"drop_before": 1.0})

    result = shop.types("orders", "show", ORDER)

    assert "VTEX could not be asked" in result.stderr
    assert f"orders-sync orders sync {ORDER}" in result.stderr


def test_a_purchase_leads_to_its_orders(shop: Shop, office: Office) -> None:
    parked_order(office, ORDER)

    result = shop.types("orders", "show", ORDER.removesuffix("-01"))

    assert result.exit_code == 1
    assert f"orders-sync orders show {ORDER} --account {STORE}" in result.stderr


def test_an_order_is_taken_up_to_be_read(shop: Shop) -> None:
    answer = shop.answers("orders", "sync", ORDER)

    assert answer == {"account": STORE, "order_id": ORDER}
    assert shop.answers("orders", "show", ORDER)["order"]["next_step"] == "orders.fetch"


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        pytest.param(["list", "--account", "nope"], 1, "nope is not configured", id="account"),
        pytest.param(["list", "--older-than", "5x"], 2, "write 90s, 30m, 2h", id="age"),
        pytest.param(["list", "--limit", "0"], 2, "1<=x<=10000", id="limit"),
        pytest.param(["show", " "], 2, "an id has letters and digits", id="blank id"),
        pytest.param(["show", "a\0b"], 2, "an id has letters and digits", id="NUL"),
        pytest.param(
            ["sync", ORDER, "--account", "nope"], 1, f"Configured: {STORE}.", id="sync of nobody's"
        ),
    ],
)
def test_what_is_mistyped_is_named(
    shop: Shop, arguments: list[str], status: int, words: str
) -> None:
    result = shop.types("orders", *arguments)

    assert result.exit_code == status
    assert words in result.stderr
    assert shop.answers("orders", "list")["total"] == 0


@pytest.mark.parametrize(
    ("parts", "line"),
    [
        ({"lines_cents": 17900}, "lines 179.00 = 179.00 BRL"),
        (
            {"lines_cents": 10000, "services_cents": 300, "freight_cents": 500, "tax_cents": 7},
            "lines 100.00 + services 3.00 + freight 5.00 + taxes 0.07 = 108.07 BRL",
        ),
        (
            {"lines_cents": 10000, "discounts_cents": -50, "difference_cents": -1, "reason": "tax"},
            "lines 100.00 + discounts of it -0.50, and -0.01 to 99.49 BRL (likely: tax)",
        ),
    ],
)
def test_the_reckoning_is_one_line(parts: dict[str, Any], line: str) -> None:
    whole = {field.name: 0 for field in fields(Reckoning)} | {"reason": None} | parts
    value = sum(cents for name, cents in whole.items() if name.endswith("_cents"))

    assert describe_reckoning({**whole, "value_cents": value, "currency": "BRL"}) == line


def test_an_order_is_shown_with_its_reckoning(shop: Shop, office: Office) -> None:
    document = json.dumps(make_document(item("1", 2, 5000), totals={"Items": 10000}, value=9999))
    handled(office, ORDER, document=document.encode())

    answer = shop.answers("orders", "show", ORDER)

    assert "and -0.01 to 99.99 (likely: rounding)" in shop.prints("orders", "show", ORDER)
    assert (answer["reckoning"]["lines_cents"], answer["reckoning"]["reason"]) == (
        10000,
        "rounding",
    )


def test_an_order_whose_document_cannot_be_read_is_shown_without(
    shop: Shop, office: Office
) -> None:
    handled(office, ORDER, document=b'{"status": "handling"}')

    assert shop.answers("orders", "show", ORDER)["reckoning"] is None
    assert "reckoning" not in shop.prints("orders", "show", ORDER)


def test_a_slip_of_an_account_makes_no_order_ambiguous(shop: Shop) -> None:
    for account in (STORE, "mystroe"):
        shop.ledger.orders.look_again(account, ORDER, now=datetime.now(UTC))

    story = shop.answers("orders", "show", ORDER)

    assert story["order"]["account"] == STORE
    assert shop.answers("orders", "show", ORDER, "--account", "mystroe")["order"] is not None


def test_events_are_told_in_the_order_of_their_changes(shop: Shop) -> None:
    now = datetime.now(UTC)
    late, early = "2026-11-27T12:00:05.1234567Z", "2026-11-27T12:00:04.9Z"
    for state, change in (("handling", late), ("ready-for-handling", early)):
        event = OrderEvent(ORDER, "Fulfillment", state, "", change, "e", f"handle {state}")
        shop.ledger.events.record(STORE, [event], now=now)

    output = shop.prints("orders", "show", ORDER)
    story = shop.answers("orders", "show", ORDER)

    assert [each["state"] for each in story["events"]] == ["ready-for-handling", "handling"]
    assert "2026-11-27 12:00:04  Fulfillment  -> ready-for-handling, first seen" in output
