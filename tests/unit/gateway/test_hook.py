"""VTEX's hook, as VTEX and others post to it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
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

from orders_sync.domain.events import OrderEvent, UnreadableEvent
from orders_sync.domain.steps import Dispatch, Step
from orders_sync.errors import LedgerUnavailable
from orders_sync.gateway.app import GuardedApp
from orders_sync.gateway.hook import MOST_WAITING, HookEvent, HookIntake
from orders_sync.gateway.problems import ProblemError
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
    assert gateway.office.ledger.hook_log.read() == {}


@pytest.mark.parametrize("secret", [SECRET, OLD_SECRET])
def test_a_change_has_its_order_read_and_is_answered_once_it_is_kept(
    gateway: Gateway, secret: str
) -> None:
    answers = [post(gateway, secret=secret).status_code for _ in range(3)]

    order = gateway.office.ledger.inquiries.story(STORE, ORDER)[0]
    assert answers == [200] * 3
    assert order is not None
    assert gateway.office.dispatched == [READ]
    assert STORE in gateway.office.ledger.hook_log.read()


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


FLOOD = [UnreadableEvent(None, f"{number}") for number in range(MOST_WAITING)]


class Book:
    """A ledger that waits until it is open, and keeps in which lots it was written."""

    def __init__(self) -> None:
        self.is_open = threading.Event()
        self.lots: list[tuple[str, int]] = []
        self.poison: HookEvent | None = None
        self.is_away = False

    def __call__(self, account: str, lot: Sequence[HookEvent]) -> None:
        self.is_open.wait(60)
        if self.is_away:
            raise LedgerUnavailable("away")
        if self.poison in lot:
            raise ValueError("poison")
        self.lots.append((account, len(lot)))


async def begun(
    intake: HookIntake, account: str, lot: Sequence[HookEvent]
) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(intake.take(account, event)) for event in lot]
    await asyncio.sleep(0)
    return tasks


def test_a_flood_of_one_account_is_bounded_and_lets_another_pass() -> None:
    book = Book()

    async def run() -> None:
        intake = HookIntake(book)
        first = await begun(intake, "busy", FLOOD[:1])
        await asyncio.sleep(0)
        flood = await begun(intake, "busy", FLOOD)
        with pytest.raises(ProblemError) as refused:
            await intake.take("busy", FLOOD[0])
        other = await begun(intake, "quiet", FLOOD[:1])
        book.is_open.set()
        await asyncio.gather(*first, *flood, *other)
        assert (refused.value.status, refused.value.kind) == (503, "hook.too_many")

    asyncio.run(run())

    assert book.lots[:3] == [("busy", 1), ("busy", 100), ("quiet", 1)]
    assert sum(size for account, size in book.lots if account == "busy") == MOST_WAITING + 1


def test_one_that_cannot_be_written_stops_no_other() -> None:
    book = Book()
    book.is_open.set()
    book.poison = FLOOD[3]

    async def run() -> list[BaseException | None]:
        tasks = await begun(HookIntake(book), "busy", FLOOD[:10])
        return await asyncio.gather(*tasks, return_exceptions=True)

    outcomes = asyncio.run(run())

    assert [type(outcome) for outcome in outcomes if outcome] == [ValueError]
    assert isinstance(outcomes[3], ValueError)


def test_all_that_wait_for_a_ledger_that_is_away_are_told_at_once() -> None:
    book = Book()
    book.is_away = True

    async def run() -> list[BaseException | None]:
        intake = HookIntake(book)
        tasks = await begun(intake, "busy", FLOOD)
        tasks += await begun(intake, "quiet", FLOOD[:1])
        book.is_open.set()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        book.is_away = False
        await intake.take("busy", FLOOD[0])
        return outcomes

    assert {type(outcome) for outcome in asyncio.run(run())} == {LedgerUnavailable}
    assert book.lots == [("busy", 1)]
