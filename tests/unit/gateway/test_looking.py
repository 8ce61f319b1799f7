"""What callers see of orders, commands and parked work, and what they decide."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from support.gateway import Gateway, serving_gateway
from support.office import ORDER, STORE, Office
from support.parking import CAUSE, ORDER_CAUSE, parked_invoice, parked_order

from orders_sync.backoffice.parked import ReturnRoute
from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import Step, StepResult
from orders_sync.settings import Settings

DOCUMENT = b'{"orderId": "1", "clientProfileData": {"firstName": "Ana"}}'
AT = f"/accounts/{STORE}"


def handled_order(gateway: Gateway, order_id: str = ORDER) -> None:
    office, orders = gateway.office, gateway.office.ledger.orders
    orders.look_again(STORE, order_id, now=office.clock())
    claim = orders.claim(STORE, order_id, Step.FETCH, owner="me", now=office.clock())
    assert claim is not None
    done = StepResult(Standing.DONE, None, status="handling", document=DOCUMENT)
    orders.complete(claim, done, office.entry, now=office.clock())


def test_an_orders_story_names_nobody(gateway: Gateway) -> None:
    handled_order(gateway)
    gateway.office.ask("note", {"message": "Call Ana"})

    answer = gateway.call("GET", f"{AT}/orders/{ORDER}", gateway.token("read"))

    story = answer.json()
    assert story["order"]["status"] == "handling"
    assert "1 note is on its way" in story["whereabouts"]["sentence"]
    assert [command["kind"] for command in story["commands"]] == ["note"]
    assert "Ana" not in answer.text


def test_the_document_is_for_those_who_may_see_persons(gateway: Gateway) -> None:
    handled_order(gateway)
    path = f"{AT}/orders/{ORDER}/document"

    assert gateway.call("GET", path, gateway.token("read", "send", "decide")).status_code == 403
    assert gateway.call("GET", path, gateway.token("persons")).content == DOCUMENT
    nobody = gateway.call("GET", f"{AT}/orders/9-01/document", gateway.token("persons"))
    assert nobody.status_code == 404


def test_an_order_of_another_account_is_not_there(gateway: Gateway) -> None:
    handled_order(gateway)

    here = gateway.call("GET", f"/accounts/other/orders/{ORDER}", gateway.token("read"))
    there = gateway.token("read", accounts={"other"})
    elsewhere = gateway.call("GET", f"/accounts/other/orders/{ORDER}", there)

    assert (here.status_code, elsewhere.status_code) == (403, 404)
    assert STORE not in elsewhere.text


def stray(gateway: Gateway, name: str) -> None:
    gateway.office.ledger.strays.record(
        name,
        arrived_at=gateway.office.clock(),
        queue="celery",
        reason="unknown-task",
        name="greet",
        body=b"Ana",
    )


def pages(gateway: Gateway, path: str, **query: str) -> Iterator[dict[str, Any]]:
    """Yield the pages of a list, two rows each, to the end."""
    token = gateway.token("read", accounts=None)
    given = {"limit": "2", **query}
    while True:
        page = gateway.call("GET", path, token, params=given).json()
        yield page
        if page["next_cursor"] is None:
            return
        given["cursor"] = page["next_cursor"]


@pytest.mark.parametrize(
    ("path", "name"),
    [(f"{AT}/orders", "order_id"), (f"{AT}/commands", "id"), ("/strays", "id")],
)
def test_pages_follow_one_another_to_the_end(gateway: Gateway, path: str, name: str) -> None:
    office = gateway.office
    for number in range(5):
        office.ledger.orders.look_again(STORE, f"{number}-01", now=office.clock())
        office.ask("note", {"message": f"{number}"}, order_id=f"{number}-01")
        stray(gateway, f"{number}")

    ids = [row[name] for page in pages(gateway, path) for row in page["items"]]

    assert len(ids) == len(set(ids)) == 5
    assert ids == sorted(ids, reverse=True)


def test_what_came_at_one_instant_is_in_pages_too(gateway: Gateway) -> None:
    for number in (3, 0, 4, 1, 2):
        stray(gateway, f"{number}")
        parked_order(gateway.office, f"{number}-01")

    strays = [row["id"] for page in pages(gateway, "/strays") for row in page["items"]]
    parked = [row["order_id"] for page in pages(gateway, f"{AT}/parked") for row in page["orders"]]

    assert strays == [f"stray-{number}" for number in (4, 3, 2, 1, 0)]
    assert parked == [f"{number}-01" for number in (4, 3, 2, 1, 0)]


def test_pages_of_parked_work_have_orders_and_commands_together(gateway: Gateway) -> None:
    invoices = []
    for number in range(3):
        parked_order(gateway.office, f"{number}-01")
        invoices.append(parked_invoice(gateway.office, f"{number}"))

    listed = list(pages(gateway, f"{AT}/parked"))
    [of_cause] = pages(gateway, f"{AT}/parked", cause=CAUSE, limit="9")

    rows = [[*page["orders"], *page["commands"]] for page in listed]
    assert [len(page) for page in rows] == [2, 2, 2, 0]
    assert {row["order_id"] for page in listed for row in page["orders"]} == {
        f"{number}-01" for number in range(3)
    }
    assert [row["id"] for page in listed for row in page["commands"]] == invoices[::-1]
    for page, following in itertools.pairwise(rows[:3]):
        assert min(row["updated_at"] for row in page) >= max(r["updated_at"] for r in following)
    assert all(page["causes"] == {CAUSE: 3, ORDER_CAUSE: 3} for page in listed)
    assert ([row["id"] for row in of_cause["commands"]], of_cause["orders"]) == (invoices[::-1], [])


@pytest.mark.parametrize("what", ["orders", "commands", "parked"])
def test_an_account_that_nobody_knows_is_not_taken_for_one_without_work(
    gateway: Gateway, what: str
) -> None:
    token = gateway.token("read", accounts=None)

    statuses = [
        gateway.call("GET", f"/accounts/{account}/{what}", token).status_code
        for account in (STORE, "other", "typo")
    ]

    assert statuses == [200, 200, 404]


@pytest.mark.parametrize(
    "place", ["2026", "\xff", "0001-01-01T00:00:00+23:59|1", "2026-11-27T12:00:00+00:00|\0"]
)
@pytest.mark.parametrize("path", [f"{AT}/orders", f"{AT}/parked", "/strays"])
def test_a_cursor_that_is_none_is_told(gateway: Gateway, path: str, place: str) -> None:
    given = {"cursor": base64.urlsafe_b64encode(place.encode("latin-1"))}

    answer = gateway.call("GET", path, gateway.token("read", accounts=None), params=given)

    assert (answer.status_code, "next_cursor" in answer.json()["detail"]) == (422, True)


def test_lists_are_narrowed_by_their_query(gateway: Gateway) -> None:
    invoice = parked_invoice(gateway.office)
    gateway.office.ask("note", {"message": "hello"}, order_id="2-01")
    token = gateway.token("read")

    def ids(**given: str) -> list[str]:
        page = gateway.call("GET", f"{AT}/commands", token, params=given).json()
        return [row["id"] for row in page["items"]]

    assert ids(standing="parked") == ids(kind="invoice") == ids(cause=CAUSE) == [invoice]
    assert invoice not in ids(order_id="2-01")
    wrong = gateway.call("GET", f"{AT}/commands", token, params={"standing": "lost"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "standing")


def test_parked_work_is_told_by_cause_and_decided(gateway: Gateway) -> None:
    invoice = parked_invoice(gateway.office)
    parked_order(gateway.office, "3-01")
    reader, decider = gateway.token("read"), gateway.token("decide", name="clerk")

    parked = gateway.call("GET", f"{AT}/parked", reader).json()
    refused = gateway.call("POST", f"{AT}/commands/{invoice}/retry", reader, json={})
    retried = gateway.call("POST", f"{AT}/commands/{invoice}/retry", decider, json={})
    again = gateway.call("POST", f"{AT}/commands/{invoice}/retry", decider, json={})
    of_order = gateway.call("POST", f"{AT}/orders/3-01/retry", decider, json={"reason": "mapped"})

    assert parked["causes"] == {CAUSE: 1, ORDER_CAUSE: 1}
    assert [row["id"] for row in parked["commands"]] == [invoice]
    statuses = [answer.status_code for answer in (refused, retried, again, of_order)]
    assert statuses == [403, 200, 409, 200]
    assert gateway.office.row(invoice)["standing"] == "active"
    [act] = gateway.office.ledger.inquiries.acts(STORE, "3-01")
    assert (act["who"], act["did"], act["why"]) == ("clerk", "parked retry", "mapped")
    assert {"3-01", ORDER} <= {step.order_id for step in gateway.office.dispatched}


def test_a_parked_command_is_edited_or_discarded(gateway: Gateway) -> None:
    first, second = parked_invoice(gateway.office, "7"), parked_invoice(gateway.office, "8")
    token = gateway.token("decide")
    path = f"{AT}/commands/{first}/body"

    wrong = gateway.call("PUT", path, token, json={"body": {"number": ""}})
    edited = gateway.call("PUT", path, token, json={"body": {"number": "7", "value_cents": 5}})
    why = {"reason": "it was sent by hand"}
    discarded = gateway.call("POST", f"{AT}/commands/{second}/discard", token, json=why)
    silent = gateway.call("POST", f"{AT}/commands/{second}/discard", token, json={})

    statuses = [answer.status_code for answer in (wrong, edited, discarded, silent)]
    assert statuses == [409, 200, 200, 422]
    assert '"value_cents":5' in gateway.office.row(first)["body"]
    assert gateway.office.row(second)["standing"] == "void"


def test_an_order_that_is_given_up_is_void(gateway: Gateway) -> None:
    parked_order(gateway.office, "3-01")

    why = {"reason": "a test order"}
    answer = gateway.call("POST", f"{AT}/orders/3-01/discard", gateway.token("decide"), json=why)

    assert answer.json() == {
        "account": STORE,
        "order_id": "3-01",
        "command_id": None,
        "stray_id": None,
    }
    order, _, _ = gateway.office.ledger.inquiries.story(STORE, "3-01")
    assert order is not None
    assert order["standing"] == "void"


def test_strays_are_put_back_or_erased_by_tokens_of_all_accounts(gateway: Gateway) -> None:
    for name in ("1", "2"):
        stray(gateway, name)
    token = gateway.token("read", "decide", accounts=None)
    narrow = gateway.token("read", "decide")

    assert gateway.call("GET", "/strays", narrow).status_code == 403
    listed = gateway.call("GET", "/strays", token)
    gateway.call("POST", "/strays/stray-1/retry", token, json={})
    gateway.call("POST", "/strays/stray-2/discard", token, json={"reason": "noise"})

    assert {row["id"] for row in listed.json()["items"]} == {"stray-1", "stray-2"}
    assert "Ana" not in listed.text
    assert gateway.put_back == [("celery", b"Ana")]
    assert gateway.call("GET", "/strays", token).json() == {"items": [], "next_cursor": None}


@pytest.mark.parametrize("order_id", ["MNG-abc/30 2", "a/document", "%2F", "ação-01", "1-01/"])
def test_an_order_is_found_by_its_id_whatever_marketplace_made_it(
    gateway: Gateway, order_id: str
) -> None:
    handled_order(gateway, order_id)
    token = gateway.token("read", "persons", "send")
    path = f"{AT}/orders/{quote(order_id, safe='')}"

    asked = gateway.call("POST", f"{path}/notes", token, json={"message": "hello"})

    assert asked.json()["order_id"] == order_id
    assert gateway.call("GET", f"{path}/document", token).content == DOCUMENT
    if not order_id.endswith("/document"):
        assert gateway.call("GET", path, token).json()["order"]["order_id"] == order_id


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{AT}/orders/%00"),
        ("GET", f"{AT}/commands?cause=%00"),
        ("GET", "/accounts/%00/parked"),
        ("POST", "/strays/%00/retry"),
        ("POST", f"{AT}/commands/1/discard"),
    ],
)
def test_a_null_character_is_refused_since_no_ledger_can_look_for_one(
    gateway: Gateway, method: str, path: str
) -> None:
    token = gateway.token("read", "decide", accounts=None)

    answer = gateway.call(method, path, token, json={"reason": "\0"})

    assert (answer.status_code, answer.json()["type"]) == (422, "/api/docs#request.invalid")


def test_without_a_broker_a_stray_stays_and_the_missing_setting_is_named(office: Office) -> None:
    with serving_gateway(office, put_back=ReturnRoute(Settings())) as gateway:
        stray(gateway, "1")
        token = gateway.token("decide", accounts=None)
        answer = gateway.call("POST", "/strays/stray-1/retry", token, json={})

    assert (answer.status_code, "BROKER" in answer.json()["detail"]) == (503, True)
    assert len(office.ledger.strays.parked()) == 1
