"""Commands that are asked for over HTTP."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from support.gateway import Gateway, serving_gateway
from support.ingest import ingesting
from support.office import ORDER, STORE, Office
from support.waiting import until

from orders_sync.bootstrap import connect_tracing
from orders_sync.commands import KINDS
from orders_sync.commands.kind import Kind
from orders_sync.encryption import Cipher
from orders_sync.ledger.journal import Act
from orders_sync.metrics.tracing import About
from orders_sync.roster import seal_account

ORDER_PATH = f"/accounts/{STORE}/orders/{ORDER}"
INVOICES = f"{ORDER_PATH}/invoices"
INVOICE = {"number": "000123", "value_cents": 999}


def kept(office: Office) -> list[dict[str, Any]]:
    return list(office.ledger.inquiries.list_commands(account=STORE))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_each_kind_is_kept_as_its_caller_gave_it_before_the_answer(
    gateway: Gateway, kind: Kind
) -> None:
    token = gateway.token(f"send:{kind.name}", name="warehouse")

    answer = gateway.call("POST", f"{ORDER_PATH}/{kind.collection}", token, json=kind.example)

    assert answer.status_code == (200 if kind.step is None else 202)
    (row,) = kept(gateway.office)
    assert (row["kind"], row["order_id"], row["source"]) == (kind.name, ORDER, "http")
    assert row["caller"] == "warehouse"
    body = kind.body.model_validate_json(row["body"])
    assert body == kind.body.model_validate(kind.example)
    assert answer.json()["id"] == row["id"]
    assert answer.headers["Location"] == f"/api/v1/accounts/{STORE}/commands/{row['id']}"
    assert [step.order_id for step in gateway.office.dispatched] == [ORDER]


def test_what_an_erp_asks_for_in_its_own_name_its_adapter_is_told_of(gateway: Gateway) -> None:
    token = gateway.token("send", "erp", name="the ERP")

    for _ in range(2):
        gateway.call("POST", INVOICES, token, json=INVOICE, headers={"Idempotency-Key": "I-1"})
    gateway.call("POST", f"{ORDER_PATH}/notes", gateway.token("send"), json={"message": "hello"})

    told = gateway.office.ledger.command_facts.untold(STORE, limit=10)
    assert [(row["kind"], row["asked_key"]) for row in told] == [("invoice", "I-1")]
    assert {(row["source"], row["caller"]) for row in kept(gateway.office)} >= {("erp", "the ERP")}


def test_the_location_tells_how_far_it_is_to_whoever_may_send_it(gateway: Gateway) -> None:
    token = gateway.token("send:invoice")
    asked = gateway.call("POST", INVOICES, token, json=INVOICE)

    status = requests.get(
        gateway.url + asked.headers["Location"],
        headers={"Authorization": f"Bearer {token}"},
        timeout=60,
    )

    assert status.json()["standing"] == "active"
    assert "body" not in status.json()
    path = f"/accounts/{STORE}/commands/{asked.json()['id']}"
    assert gateway.call("GET", path, gateway.token("send:track")).status_code == 403
    assert gateway.call("GET", path, gateway.token("read")).status_code == 200
    assert gateway.call("GET", f"{path}/body", token).status_code == 403
    assert (
        str(INVOICE["number"]) in gateway.call("GET", f"{path}/body", gateway.token("persons")).text
    )
    elsewhere = gateway.token("read", accounts={"other"})
    of_other = f"/accounts/other/commands/{asked.json()['id']}"
    assert gateway.call("GET", of_other, elsewhere).status_code == 404


@pytest.mark.parametrize("key", ["erp-7", '"erp-7"'])
def test_the_same_key_is_the_same_command_and_with_other_content_a_conflict(
    gateway: Gateway, key: str
) -> None:
    token, headers = gateway.token("send"), {"Idempotency-Key": key}
    first = gateway.call("POST", INVOICES, token, json=INVOICE, headers=headers).json()

    again = gateway.call("POST", INVOICES, token, json=INVOICE, headers=headers)
    other = gateway.call("POST", INVOICES, token, json={"number": "9"}, headers=headers)

    assert (again.status_code, again.json()["id"]) == (202, first["id"])
    assert (first["is_new"], again.json()["is_new"]) == (True, False)
    assert (other.status_code, other.json()["command_id"]) == (409, first["id"])
    assert len(kept(gateway.office)) == 1
    assert kept(gateway.office)[0]["asked_key"] == "erp-7"


def test_of_eight_callers_with_one_key_one_makes_the_command(gateway: Gateway) -> None:
    token, together = gateway.token("send"), threading.Barrier(8)

    def ask(_: int) -> requests.Response:
        together.wait()
        key = {"Idempotency-Key": "one"}
        return gateway.call("POST", INVOICES, token, json=INVOICE, headers=key)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(8)))

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert [answer.json()["is_new"] for answer in answers].count(True) == 1


@pytest.mark.parametrize(
    ("body", "status", "errors"),
    [
        pytest.param(
            b'{"nunber": "7"}',
            422,
            {"number": "is missing", "nunber": "Extra inputs are not permitted"},
            id="a field",
        ),
        pytest.param(
            b'{"number": "7", "items": [{"sku": "1", "quantity": 0}]}',
            422,
            {"items.0.quantity": "Input should be greater than 0"},
            id="a field within",
        ),
        pytest.param(
            b'{"number": "7", "value_cents": 1%s}' % (b"0" * 30),
            422,
            {"value_cents": "Input should be less than or equal to 9007199254740991"},
            id="a number that no database keeps",
        ),
        pytest.param(b"{", 422, None, id="no JSON"),
        pytest.param(b"[" * 9_000, 422, None, id="deep"),
        pytest.param(b"\xff", 422, None, id="no UTF-8"),
        pytest.param(b'{"number": "\\ud800"}', 422, None, id="half a character"),
        pytest.param(b"null", 422, None, id="null"),
        pytest.param(b'"7"', 422, None, id="a text"),
        pytest.param(b'{"number": "%s"}' % (b"7" * 11_000), 413, None, id="a large one"),
        pytest.param(b" " * 50_000, 413, None, id="more than is read"),
    ],
)
def test_a_wrong_body_is_told_by_its_fields_and_nothing_is_kept(
    gateway: Gateway, body: bytes, status: int, errors: dict[str, str] | None
) -> None:
    answer = gateway.call("POST", INVOICES, gateway.token("send"), data=body)

    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], bool(problem["detail"])) == (status, True)
    if errors is not None:
        assert {wrong["field"]: wrong["expected"] for wrong in problem["errors"]} == errors
    assert kept(gateway.office) == []
    docs = requests.get(gateway.url + problem["type"], timeout=60).text
    assert f'id="{problem["type"].partition("#")[2]}"' in docs


@pytest.mark.parametrize(
    ("scopes", "accounts", "path", "status"),
    [
        pytest.param(["read"], {STORE}, INVOICES, 403, id="another scope"),
        pytest.param(["send:track"], {STORE}, INVOICES, 403, id="another kind"),
        pytest.param(["send"], {"other"}, INVOICES, 403, id="another account"),
        pytest.param(
            ["send"], {"typo"}, f"/accounts/typo/orders/{ORDER}/invoices", 404, id="no account"
        ),
    ],
)
def test_a_token_asks_for_no_more_than_it_is_made_for(
    gateway: Gateway, scopes: list[str], accounts: set[str], path: str, status: int
) -> None:
    answer = gateway.call("POST", path, gateway.token(*scopes, accounts=accounts), json=INVOICE)

    assert answer.status_code == status
    assert gateway.office.ledger.inquiries.list_commands() == []


def test_a_caller_may_wait_for_the_outcome(gateway: Gateway) -> None:
    office, token = gateway.office, gateway.token("send")
    answers: list[requests.Response] = []

    def ask() -> None:
        headers = {"Prefer": "respond-async, wait=50"}
        answers.append(gateway.call("POST", INVOICES, token, json=INVOICE, headers=headers))

    caller = threading.Thread(target=ask)
    caller.start()
    until(lambda: kept(office), "the command is in the ledger")
    assert answers == []
    office.park(kept(office)[0]["id"])
    caller.join()

    assert (answers[0].status_code, answers[0].headers["Preference-Applied"]) == (200, "wait=50")
    told = answers[0].json()
    assert (told["standing"], told["cause"]) == ("parked", "invoice.over_invoiced")


def test_whoever_waits_too_short_is_told_that_it_goes_on(gateway: Gateway) -> None:
    headers = {"Prefer": "wait=1"}

    answer = gateway.call("POST", INVOICES, gateway.token("send"), json=INVOICE, headers=headers)

    assert (answer.status_code, answer.json()["standing"]) == (202, "active")


def test_calls_that_wait_leave_room_for_others(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orders_sync.backoffice.waiting.MOST_WAITING", 0)
    headers = {"Prefer": "wait=50"}

    answer = gateway.call("POST", INVOICES, gateway.token("send"), json=INVOICE, headers=headers)

    assert (answer.status_code, "Preference-Applied" in answer.headers) == (202, False)


def test_whoever_waits_while_the_ledger_goes_away_is_not_told_that_nothing_was_kept(
    gateway: Gateway,
) -> None:
    office, token = gateway.office, gateway.token("send")
    answers: list[requests.Response] = []

    def ask() -> None:
        headers = {"Prefer": "wait=50"}
        answers.append(gateway.call("POST", INVOICES, token, json=INVOICE, headers=headers))

    caller = threading.Thread(target=ask)
    caller.start()
    until(lambda: kept(office), "the command is in the ledger")
    office.ledger.database.closed_because = "away"
    caller.join()
    office.ledger.database.closed_because = None
    again = gateway.call("POST", INVOICES, token, json=INVOICE)

    assert (answers[0].status_code, "kept" in answers[0].json()["detail"]) == (503, False)
    assert (again.status_code, again.json()["is_new"]) == (202, False)


def test_where_the_ledger_is_away_nothing_is_said_to_be_accepted(
    office: Office, tmp_path: Path
) -> None:
    with serving_gateway(office) as gateway:
        token = gateway.token("send")
        office.ledger.database.engine.dispose()
        tmp_path.rename(tmp_path.with_name("away"))

        answer = gateway.call("POST", INVOICES, token, json=INVOICE)
        ready = requests.get(f"{gateway.url}/readyz", timeout=60)

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert ready.status_code == 503


def test_a_commands_trace_begins_here_and_is_linked_to_its_callers(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    with ingesting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        tracing = connect_tracing("host/1")
        with serving_gateway(office, tracing=tracing) as gateway:
            token = gateway.token("send:invoice")
            headers = {"traceparent": f"00-{trace_id}-b7ad6b7169203331-01"}
            asked = gateway.call("POST", INVOICES, token, json=INVOICE, headers=headers)
            gateway.call("POST", INVOICES, token, json=INVOICE, headers=headers)
        tracing.close()
        [span] = collector.spans()

    assert span.name == "command.accept"
    assert span.trace_id == f"{About(STORE, ORDER, asked.json()['id']).trace_id:032x}"
    assert span.links == [trace_id]


def test_accounts_that_come_and_are_disabled_are_asked_for_without_a_restart(
    gateway: Gateway,
) -> None:
    accounts, act = gateway.office.ledger.kept_accounts, Act(gateway.office.clock(), "ana")
    token = gateway.token("send", accounts=None)
    places = {"app_key": "env:HOME", "app_token": "env:HOME"}

    def ask(account: str) -> int:
        path = f"/accounts/{account}/orders/{ORDER}/notes"
        return gateway.call("POST", path, token, json={"message": "hello"}).status_code

    before = ask("added")
    accounts.keep(seal_account("added", places, Cipher(None)), act, "add")
    accounts.disable(STORE, act)

    until(lambda: ask("added") == 202, "the new account is known")
    assert before == 404
    assert ask(STORE) == 202
