"""VTEX's hook, as VTEX and others post to it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from support.gateway import Gateway, serving_gateway
from support.office import ORDER, STORE, Office

from orders_sync.domain.events import OrderEvent
from orders_sync.domain.steps import Dispatch, Step
from orders_sync.gateway.app import GuardedApp
from orders_sync.vtex.feed import event as read_item
from orders_sync.vtex.hook import HEADER

SECRET, OLD_SECRET = "a-secret-of-the-hook", "the-secret-before-it"
CHANGE: dict[str, Any] = {
    "Domain": "Fulfillment",
    "OrderId": ORDER,
    "State": "ready-for-handling",
    "LastState": "window-to-cancel",
    "LastChange": "2019-08-14T17:11:39.2550122Z",
    "CurrentChange": "2019-08-14T17:12:48.0965893Z",
    "Origin": {"Account": STORE, "Key": "key"},
}
READ = Dispatch(STORE, ORDER, Step.FETCH)


@pytest.fixture
def gateway(office: Office) -> Iterator[Gateway]:
    with serving_gateway(office, hook_secret=SECRET, hook_old_secret=OLD_SECRET) as gateway:
        yield gateway


def post(
    gateway: Gateway, body: Any = CHANGE, secret: str | None = SECRET, account: str = STORE
) -> requests.Response:
    return requests.post(
        f"{gateway.url}/hook/{account}",
        data=body if isinstance(body, bytes) else json.dumps(body).encode(),
        headers={HEADER: secret} if secret else {},
        timeout=60,
    )


def problems(office: Office) -> list[str]:
    return [row["problem"] for row in office.ledger.inquiries.parked_events()]


@pytest.mark.parametrize("secret", [SECRET, None])
def test_a_ping_is_answered_and_nothing_else_is_done(gateway: Gateway, secret: str | None) -> None:
    answer = post(gateway, {"hookConfig": "ping"}, secret)

    assert answer.status_code == 200
    assert problems(gateway.office) == []
    assert gateway.office.ledger.hearings.read() == {}


@pytest.mark.parametrize("secret", [SECRET, OLD_SECRET])
def test_a_change_has_its_order_read_and_is_answered_once_it_is_kept(
    gateway: Gateway, secret: str
) -> None:
    answers = [post(gateway, secret=secret).status_code for _ in range(3)]

    order = gateway.office.ledger.inquiries.story(STORE, ORDER)[0]
    assert answers == [200] * 3
    assert order is not None
    assert gateway.office.dispatched == [READ]
    assert STORE in gateway.office.ledger.hearings.read()


def test_what_the_feed_tells_of_it_too_is_the_same_event(gateway: Gateway) -> None:
    item = {name[0].lower() + name[1:]: value for name, value in CHANGE.items()}
    told = read_item({**item, "eventId": "ED42", "handle": "handle-1"})
    assert isinstance(told, OrderEvent)

    post(gateway)
    events, now = gateway.office.ledger.events, gateway.office.clock()
    recorded = events.record(STORE, [told], now=now)

    assert recorded.new == 0
    assert gateway.office.dispatched == [READ]
    long_ago = now - timedelta(seconds=100)
    assert events.to_acknowledge(STORE, delivered_after=long_ago, limit=9, at_once=True) == [
        "handle-1"
    ]


@pytest.mark.parametrize("secret", [None, "a-wrong-secret-of-it", SECRET[:-1], f"{SECRET}x", "é"])
def test_without_the_secret_nothing_is_taken(gateway: Gateway, secret: str | None) -> None:
    with capture_logs() as logs:
        answers = [post(gateway, secret=secret) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].json()["type"] == "/api/docs#hook.wrong_secret"
    assert gateway.office.dispatched == []
    assert logs == [
        {
            "event": "hook.refused",
            "account": STORE,
            "cause": "hook.wrong_secret",
            "log_level": "warning",
        }
    ]


@pytest.mark.parametrize("account", ["nobody", "other"])
@pytest.mark.parametrize("body", [CHANGE, {"hookConfig": "ping"}])
def test_an_account_that_expects_no_hook_has_none(
    gateway: Gateway, account: str, body: Any
) -> None:
    assert post(gateway, body, account=account).status_code == 404


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"Origin": {"Account": "other", "Key": "key"}}, "$.Origin.Account is another account's"),
        ({"Origin": {"Account": STORE, "Key": "stolen"}}, "$.Origin.Key is not the account's key"),
        ({"Origin": None}, "$.Origin"),
        ({"OrderId": None}, "$.OrderId"),
        ({"OrderId": 1.5}, "$.OrderId"),
        ({"OrderId": "\ud800"}, "$.OrderId"),
        ({"OrderId": "1" * 500}, "order_id has more than"),
        ({"OrderId": "x" * 70_000}, "more than 65536 bytes"),
    ],
)
def test_a_post_that_is_no_change_of_the_account_is_kept_as_such_and_not_asked_for_again(
    office: Office, change: dict[str, Any], problem: str
) -> None:
    with serving_gateway(office, max_bytes=100_000, hook_secret=SECRET) as gateway:
        answers = [post(gateway, {**CHANGE, **change}).status_code for _ in range(3)]

    [told] = problems(office)
    assert answers == [200] * 3
    assert problem in told
    assert "stolen" not in told
    assert office.dispatched == []


def test_changes_without_a_time_are_told_apart(gateway: Gateway) -> None:
    timeless = {name: value for name, value in CHANGE.items() if not name.endswith("Change")}

    with gateway.office.ledger.database.reading() as connection:
        answers = [post(gateway, timeless).status_code for _ in range(2)]
        heard = connection.exec_driver_sql("SELECT count(*) FROM events").scalar_one()

    assert answers == [200, 200]
    assert heard == 2


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(), parts, max_size=3),
    max_leaves=8,
)
odd_changes = st.dictionaries(st.sampled_from(sorted(CHANGE)), json_values).map(
    lambda change: {**CHANGE, **change}
)
bodies = st.binary(max_size=300) | (json_values | odd_changes).map(lambda v: json.dumps(v).encode())


def test_no_body_makes_vtex_post_again_nor_fills_the_ledger(gateway: Gateway) -> None:
    @settings(max_examples=150, suppress_health_check=list(HealthCheck))
    @given(bodies)
    def all_are_taken(body: bytes) -> None:
        assert post(gateway, body).status_code == 200

    all_are_taken()

    assert len(problems(gateway.office)) < 40
    assert post(gateway).status_code == 200


def test_of_a_post_by_nobody_no_more_is_read_than_a_change_may_have(office: Office) -> None:
    with serving_gateway(office, max_bytes=1_000_000, hook_secret=SECRET) as gateway:
        assert post(gateway, b" " * 300_000, None).status_code == 413


def test_a_post_that_breaks_off_is_none() -> None:
    answered: list[str] = []
    messages = iter(
        [
            {"type": "http.request", "body": b'{"OrderId": ', "more_body": True},
            {"type": "http.disconnect"},
        ]
    )

    async def answers(scope: Any, _: Any, __: Any) -> None:
        answered.append(scope["path"])

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        answered.append(message["type"])

    scope = {"type": "http", "path": f"/hook/{STORE}"}
    asyncio.run(GuardedApp(answers, 100)(scope, receive, send))

    assert answered == []


def test_a_ledger_that_is_away_has_vtex_post_again(gateway: Gateway, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite3")) as held:
        held.execute("BEGIN EXCLUSIVE")
        away = post(gateway)
    again = post(gateway)

    assert away.status_code == 503
    assert away.headers["Retry-After"].isdecimal()
    assert again.status_code == 200
    assert gateway.office.dispatched == [READ]
