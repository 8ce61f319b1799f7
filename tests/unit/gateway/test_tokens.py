"""Who may call, and how often."""

from __future__ import annotations

import json
from datetime import timedelta
from http.client import HTTPConnection

import pytest
from support.gateway import Gateway, serving_gateway
from support.office import STORE, Office

from orders_sync.gateway.context import Allowance
from orders_sync.gateway.rights import Rights, Scope, new_token, token_id
from orders_sync.ledger.journal import Act

COMMANDS = f"/accounts/{STORE}/commands"


def test_a_token_is_let_in_until_it_is_revoked(gateway: Gateway) -> None:
    token = gateway.token("read", name="shop")
    assert gateway.call("GET", COMMANDS, token).status_code == 200

    assert gateway.office.ledger.callers.revoke("shop", Act(gateway.office.clock(), "ana"))

    answer = gateway.call("GET", COMMANDS, token)
    assert (answer.status_code, answer.json()["type"]) == (401, "/api/docs#token.wrong")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_token_is_let_in_until_it_expires(gateway: Gateway) -> None:
    token = gateway.token("read", lasts=timedelta(days=30))
    assert gateway.call("GET", COMMANDS, token).status_code == 200

    gateway.office.clock.advance(30 * 86_400)

    assert gateway.call("GET", COMMANDS, token).status_code == 401


@pytest.mark.parametrize("wrong", ["secret", "identity", "nonsense", "none"])
def test_whoever_has_no_token_of_ours_is_not_let_in(gateway: Gateway, wrong: str) -> None:
    token = gateway.token("read")
    other = {
        "secret": f"osync_{token_id(token)}_{new_token().rpartition('_')[2][-43:]}".ljust(62, "A"),
        "identity": new_token(),
        "nonsense": "Bearer of nothing",
        "none": None,
    }[wrong]

    answer = gateway.call("GET", COMMANDS, other)

    assert answer.status_code == 401
    assert token not in answer.text


def test_whoever_has_no_token_is_answered_before_a_body_is_read(gateway: Gateway) -> None:
    connection = HTTPConnection(gateway.url.removeprefix("http://"), timeout=60)
    connection.putrequest("POST", f"/api/v1/accounts/{STORE}/orders/1-01/invoices")
    # Of this not a byte is ever sent.
    connection.putheader("Content-Length", "30000")
    connection.putheader("Authorization", f"Bearer {new_token()}")
    connection.endheaders()

    answer = connection.getresponse()

    assert (answer.status, answer.headers["X-Frame-Options"]) == (401, "DENY")
    assert json.loads(answer.read())["type"] == "/api/docs#token.wrong"
    connection.close()


def test_the_ledger_keeps_no_token(gateway: Gateway) -> None:
    token = gateway.token("read", name="shop")

    (caller,) = gateway.office.ledger.callers.all()

    assert token.rpartition("_")[2] not in repr(caller)


def test_its_last_use_is_known_to_the_minute(gateway: Gateway) -> None:
    callers, clock = gateway.office.ledger.callers, gateway.office.clock
    token = gateway.token("read")
    first = clock()
    for _ in range(3):
        gateway.call("GET", COMMANDS, token)
        clock.advance(25)
    assert callers.all()[0].used_at == first

    gateway.call("GET", COMMANDS, token)

    assert callers.all()[0].used_at == first + timedelta(seconds=75)


def test_a_token_that_calls_too_often_is_told_when_to_call_again(office: Office) -> None:
    with serving_gateway(office, requests_per_minute=6) as gateway:
        eager, other = gateway.token("read"), gateway.token("read")

        first = gateway.call("GET", COMMANDS, eager)
        second = gateway.call("GET", COMMANDS, eager)

        assert (first.status_code, second.status_code) == (200, 429)
        assert 0 < int(second.headers["Retry-After"]) <= 10
        assert gateway.call("GET", COMMANDS, other).status_code == 200


def test_a_bucket_refills_steadily() -> None:
    now = 0.0
    allowance = Allowance(60, lambda: now)
    assert [allowance.take("a") for _ in range(11)] == [0.0] * 10 + [1.0]

    now = 2.5

    assert [allowance.take("a") for _ in range(3)] == [0.0, 0.0, 0.5]
    assert allowance.take("b") == 0.0


@pytest.mark.parametrize(
    ("scopes", "accounts", "asked", "is_allowed"),
    [
        ({"send"}, {"a"}, (Scope.SEND, "a", "invoice"), True),
        ({"send:invoice"}, {"a"}, (Scope.SEND, "a", "invoice"), True),
        ({"send:invoice"}, {"a"}, (Scope.SEND, "a", "cancel"), False),
        ({"send"}, {"a"}, (Scope.SEND, "b", "invoice"), False),
        ({"send"}, None, (Scope.SEND, "b", "invoice"), True),
        ({"read"}, {"a"}, (Scope.READ, None, None), False),
        ({"read"}, None, (Scope.READ, None, None), True),
        ({"read"}, None, (Scope.PERSONS, "a", None), False),
    ],
)
def test_rights_are_by_scope_and_by_account(
    scopes: set[str],
    accounts: set[str] | None,
    asked: tuple[Scope, str | None, str | None],
    is_allowed: bool,
) -> None:
    assert Rights("shop", scopes, accounts).allows(*asked) is is_allowed
