"""The ERP of a demo behind HTTP: what its receiver writes down, and what its people ask for."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
import uvicorn
from support.faulty_way import cut, faulty_way_to, hang_up, lie
from support.gateway import Gateway, serving_gateway
from support.ledger_files import make_ledger
from support.office import STORE, Office
from support.waiting import until
from support.webhook_erp import SECRET

from orders_sync.demo.played_webhook import PlayedWebhook
from orders_sync.demo.records import CommandAnswer
from orders_sync.demo.scenarios import OF_SERVICE, Scenario, draft_commands
from orders_sync.demo.webhook_receiver import Receiver, application, draw_faults
from orders_sync.domain.commands import Command, Outcome
from orders_sync.domain.differences import Changes, compare
from orders_sync.embedded.broker import free_port
from orders_sync.erp.base import CancelAnswer, ChangeAnswer, Decision
from orders_sync.erp.webhook import WebhookErp
from orders_sync.errors import ErpUnavailable
from orders_sync.ledger import Ledger
from orders_sync.listening import listen, url_of
from orders_sync.sandbox.server import AbortableProtocol
from orders_sync.testing.clock import SettableClock
from orders_sync.testing.erp_suite import ErpSuite
from orders_sync.testing.factories import make_line, make_order

OF_ERP = [scenario for scenario in Scenario if scenario not in OF_SERVICE]


@contextmanager
def receiving(books: Path, faults: Random | None = None) -> Iterator[str]:
    """Serve the receiver from a thread; gives its URL."""
    listener = listen("127.0.0.1", 0)
    config = uvicorn.Config(
        application(Receiver(books, SECRET, faults)),
        http=AbortableProtocol,
        lifespan="off",
        log_level="error",
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        until(lambda: server.started, "the receiver answers")
        yield url_of(listener)
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def books(tmp_path: Path) -> Path:
    return tmp_path / "receiver.sqlite3"


@pytest.fixture
def erp(books: Path, tmp_path: Path) -> Iterator[WebhookErp]:
    options: dict[str, Any] = {"secret": SECRET}
    with (
        receiving(books) as url,
        closing(WebhookErp(STORE, {"url": url, **options}, tmp_path)) as erp,
    ):
        yield erp


@pytest.fixture
def gateway(tmp_path: Path, clock: SettableClock) -> Iterator[Gateway]:
    url = make_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    with (
        closing(Ledger(url, lease=timedelta(seconds=60))) as ledger,
        serving_gateway(Office(ledger, clock)) as gateway,
    ):
        yield gateway


@pytest.fixture
def play(books: Path, gateway: Gateway) -> Iterator[Callable[..., PlayedWebhook]]:
    played: list[PlayedWebhook] = []

    def make(url: str | None = None) -> PlayedWebhook:
        token = gateway.token("send", "erp")
        played.append(PlayedWebhook(books, STORE, url or gateway.url, token))
        return played[-1]

    yield make
    for each in played:
        each.close()


class TestDemoReceiver(ErpSuite):
    @pytest.fixture(autouse=True)
    def _url(self, books: Path) -> Iterator[None]:
        with receiving(books) as url, faulty_way_to(url) as self.way:
            yield

    def create(self, home: Path) -> WebhookErp:
        return WebhookErp(STORE, {"url": self.way.url, "secret": SECRET}, home)

    def troubles(self, home: Path) -> Iterator[AbstractContextManager[None]]:
        del home
        yield from map(self.way.spoilt, (hang_up, cut, lie))

    def fulfils(self, home: Path, order_id: str) -> bool:
        with closing(PlayedWebhook(home / "receiver.sqlite3", STORE, "", "")) as played:
            return order_id in {order.order_id for order in played.new_orders(())}


def test_its_books_have_an_order_to_the_cent(
    erp: WebhookErp, play: Callable[..., PlayedWebhook]
) -> None:
    order = make_order(lines=[make_line(0, tax_cents=7), make_line(1)])
    erp.place_order(order)

    [kept] = play().orders()

    assert (kept.order_id, kept.state) == (order.order_id, "new")
    assert kept.value_cents == order.value_cents
    assert [line.total_cents for line in kept.lines] == [line.total_cents for line in order.lines]
    parts = kept.freight_cents + kept.beside_cents + kept.changes_cents + kept.other_cents
    goods = sum(line.total_cents + line.tax_cents + line.service_cents for line in kept.lines)
    assert goods + parts + kept.difference_cents == order.value_cents


def test_an_order_that_was_taken_is_neither_cancelled_nor_changed(
    erp: WebhookErp, play: Callable[..., PlayedWebhook]
) -> None:
    played, order = play(), make_order(account=STORE)
    erp.place_order(order)
    played.take(played.new_orders(())[0], [])

    assert played.new_orders(()) == []
    assert erp.cancel_order(order.order_id, "canceled") is CancelAnswer.TOO_LATE
    assert erp.order_changed(order, Changes(2, 1, 1)) is ChangeAnswer.TOO_LATE
    assert erp.consider_cancellation(order) == Decision.deny("O pedido já foi embalado.")


def test_an_order_that_is_taken_open_is_changed_until_it_is_closed(
    erp: WebhookErp, play: Callable[..., PlayedWebhook], gateway: Gateway
) -> None:
    played = play()
    order = make_order(account=STORE, lines=[make_line(quantity=3, total_cents=300)])
    less = make_order(account=STORE, lines=[make_line(quantity=2, total_cents=200)])
    erp.place_order(order)
    [new] = played.new_orders(())
    taken = played.take(new, (), takes_changes=True)

    answers = [erp.order_changed(less, compare(order, less, revision=2)) for _ in range(2)]
    played.ask_to_read(order.order_id)
    closed = played.close_order(
        order.order_id, draft_commands(Scenario.INVOICED, new, "000001", Random(1))
    )
    too_late = erp.order_changed(order, compare(less, order, revision=3))

    [kept] = played.orders()
    assert (taken, answers, closed) == (True, [ChangeAnswer.TAKEN] * 2, True)
    assert too_late is ChangeAnswer.TOO_LATE
    assert (kept.value_cents, kept.lines[0].quantity) == (less.value_cents, 2)
    assert sorted(kept.changes) == [(2, "line"), (2, "payment value"), (2, "value")]
    kinds = [row["kind"] for row in gateway.office.ledger.inquiries.list_commands()]
    assert {"sync", "invoice"} <= set(kinds)


def test_a_change_that_is_told_again_since_its_answer_was_lost_is_written_once(
    erp: WebhookErp, play: Callable[..., PlayedWebhook]
) -> None:
    order = make_order(account=STORE)
    moved = replace(order, address=replace(order.address, street="Rua Nova"))  # type: ignore[type-var]
    moved = replace(moved, deliveries=(replace(order.deliveries[0], company="Outra"),))
    cheaper = replace(moved, value_cents=1)
    erp.place_order(order)

    erp.order_changed(moved, compare(order, moved, revision=2))
    erp.order_changed(cheaper, compare(order, cheaper, revision=3))

    told = play().changes(order.order_id)
    assert [what for revision, what in told if revision == 3] == ["value"]
    assert {what for revision, what in told if revision == 2} >= {"delivery address", "carrier"}


def test_an_order_that_it_agreed_to_cancel_is_not_taken(
    erp: WebhookErp, play: Callable[..., PlayedWebhook]
) -> None:
    played, order = play(), make_order(account=STORE)
    erp.place_order(order)
    [new] = played.new_orders(())
    agreed = erp.consider_cancellation(order)

    played.take(new, draft_commands(Scenario.INVOICED, new, "000001", Random(1)))

    assert agreed == Decision.agree()
    assert played.asked == []


@pytest.mark.parametrize("scenario", OF_ERP)
def test_what_is_wished_is_asked_for_in_the_erps_name_or_refused_at_once(
    scenario: Scenario, erp: WebhookErp, gateway: Gateway, play: Callable[..., PlayedWebhook]
) -> None:
    played = play()
    lines = [make_line(0, quantity=3, total_cents=1500)]
    erp.place_order(make_order(account=STORE, lines=lines))
    [order] = played.new_orders(())

    played.take(order, draft_commands(scenario, order, "000001", Random(2)))

    rows = gateway.office.ledger.inquiries.list_commands()
    refused = [played.asked[row] for row in played.answers()]
    at_once = Counter(asked.kind for asked in played.asked) - Counter(a.kind for a in refused)
    assert Counter(row["kind"] for row in rows) == at_once
    assert {row["source"] for row in rows} == {"erp"}
    assert all(asked.is_impossible for asked in refused)


def test_what_the_api_does_not_take_is_sent_later_in_its_order(
    erp: WebhookErp, gateway: Gateway, play: Callable[..., PlayedWebhook]
) -> None:
    played = play(f"http://127.0.0.1:{free_port()}")
    erp.place_order(make_order(account=STORE))
    [order] = played.new_orders(())
    played.take(order, draft_commands(Scenario.INVOICED_THEN_REST, order, "000001", Random(2)))
    played.tend()
    before = gateway.office.ledger.inquiries.list_commands()

    played._api_url = f"{gateway.url}/api/v1/accounts/{STORE}/orders"
    played.tend()
    played.tend()

    after = gateway.office.ledger.inquiries.list_commands()
    in_order = sorted(after, key=lambda row: int(row["position"]))
    assert before == []
    assert [json.loads(row["body"])["number"] for row in in_order] == ["000001-1", "000001-2"]
    assert not played.is_answered


def test_what_the_receiver_is_told_is_the_answer_and_brings_what_waited_for_it(
    erp: WebhookErp, gateway: Gateway, play: Callable[..., PlayedWebhook]
) -> None:
    played = play()
    erp.place_order(make_order(account=STORE))
    [order] = played.new_orders(())
    played.take(order, draft_commands(Scenario.RETURNED, order, "000001", Random(2)))
    rows = gateway.office.ledger.inquiries.list_commands()

    erp.answer_all([(Command(r["kind"], "", None, r["asked_key"]), Outcome("done")) for r in rows])
    played.tend()

    assert set(played.answers().values()) == {CommandAnswer("done", None)}
    assert played.asked[-1].is_return
    assert played.answered == len(played.asked) - 1


def test_a_bad_receiver_has_written_what_its_answer_hides(
    books: Path, tmp_path: Path, play: Callable[..., PlayedWebhook]
) -> None:
    failed: list[str] = []
    options = {"secret": SECRET, "read_seconds": 0.2}
    with (
        receiving(books, Random(3)) as url,
        closing(WebhookErp(STORE, {"url": url, **options}, tmp_path)) as erp,
    ):
        for number in range(60):
            try:
                erp.place_order(make_order(f"{number}-01"))
            except ErpUnavailable as error:
                failed.append(str(error))

    later = sum("answers 503" in words for words in failed)
    assert 0 < later < len(failed)
    assert len(play().orders()) == 60 - later


def test_a_bad_receiver_that_is_started_again_does_not_meet_its_first_calls_with_the_same_faults(
    books: Path, tmp_path: Path
) -> None:
    starts = [draw_faults(books, "9").random() for _ in range(20)]

    assert len(set(starts)) == 20
    # A demo is repeatable all the same.
    again = tmp_path / "again.sqlite3"
    assert [draw_faults(again, "9").random() for _ in range(20)] == starts
