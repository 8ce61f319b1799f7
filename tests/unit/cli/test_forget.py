from __future__ import annotations

import pytest
from support.office import ORDER, Office
from support.parking import parked_order
from support.shop import STORE, Shop

from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import Step, StepResult

DOCUMENT = b'{"orderId": "1", "clientProfileData": {"firstName": "Ana"}}'


@pytest.fixture
def handled(office: Office) -> str:
    orders = office.ledger.orders
    orders.look_again(STORE, ORDER, now=office.clock())
    claim = orders.claim(STORE, ORDER, Step.FETCH, owner="me", now=office.clock())
    assert claim is not None
    done = StepResult(Standing.DONE, None, status="handling", document=DOCUMENT)
    orders.complete(claim, done, office.entry, now=office.clock())
    return ORDER


def test_forgetting_says_what_is_erased_what_stays_and_where_copies_are(
    shop: Shop, handled: str
) -> None:
    said = shop.prints("orders", "forget", handled, "--reason", "asked by letter", "--yes")

    assert "documents 1" in said
    assert "journal" in said
    assert "VTEX and the ERP keep copies" in said
    assert shop.ledger.orders.document(STORE, handled) is None


def test_programs_are_told_too(shop: Shop, handled: str) -> None:
    said = shop.answers("orders", "forget", handled, "--reason", "asked by letter", "--yes")

    assert said == {
        "account": STORE,
        "order_id": handled,
        "documents": 1,
        "commands": 0,
        "given_up": 0,
    }


def test_a_person_who_says_no_erases_nothing(shop: Shop, handled: str) -> None:
    result = shop.types("orders", "forget", handled, "--reason", "asked by letter", stdin="n\n")

    assert result.exit_code == 1
    assert shop.ledger.orders.document(STORE, handled) is not None


def test_the_question_names_what_is_given_up(shop: Shop, office: Office) -> None:
    parked_order(office, ORDER)

    result = shop.types("orders", "forget", ORDER, "--reason", "asked by letter", stdin="y\n")

    assert "given up with it: the order" in result.stderr
    story = shop.answers("orders", "show", ORDER)
    assert (story["order"]["standing"], story["order"]["cause"]) == ("void", "order.forgotten")
    assert [act["why"] for act in story["acts"]] == ["asked by letter"]


def test_what_is_being_worked_on_is_refused(shop: Shop, office: Office) -> None:
    office.ledger.orders.look_again(STORE, ORDER, now=office.clock())

    result = shop.types("orders", "forget", ORDER, "--reason", "asked by letter", "--yes")

    assert result.exit_code == 1
    assert "being worked on" in result.stderr


def test_a_reason_is_needed(shop: Shop, handled: str) -> None:
    assert shop.types("orders", "forget", handled, "--yes").exit_code == 2
