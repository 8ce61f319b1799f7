from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis
from support.office import ORDER, Office
from support.parking import parked_order
from support.shop import STORE, Shop

from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import Step, StepResult
from orders_sync.embedded.broker import EmbeddedBroker

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
        "traces_in": [],
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


PERSON = "Beatriz Nogueira"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    broker = EmbeddedBroker(tmp_path)
    broker.start()
    yield broker
    broker.stop()


def told_the_broker(broker: EmbeddedBroker) -> None:
    """Have a message about a person come and go."""
    assert broker.url is not None
    with closing(redis.Redis.from_url(broker.url)) as client:
        client.lpush("celery", f"note: {PERSON}")
        client.rpop("celery")


def traces(home: Path) -> list[str]:
    files = [path for path in home.rglob("*") if path.is_file()]
    return [str(path.relative_to(home)) for path in files if PERSON.encode() in path.read_bytes()]


def read_again(office: Office, document: bytes) -> None:
    orders = office.ledger.orders
    orders.look_again(STORE, ORDER, now=office.clock())
    claim = orders.claim(STORE, ORDER, Step.FETCH, owner="me", now=office.clock())
    assert claim is not None
    done = StepResult(Standing.DONE, None, status="handling", document=document)
    orders.complete(claim, done, office.entry, now=office.clock())


def test_nothing_of_the_person_is_left_in_any_file_of_the_home(
    shop: Shop, office: Office, broker: EmbeddedBroker, tmp_path: Path
) -> None:
    for length in (50_000, 10):
        # The pages of the longer document are free before anything is forgotten.
        read_again(office, f'{{"orderId": "1", "name": "{PERSON * length}"}}'.encode())
    told_the_broker(broker)
    assert len(traces(tmp_path)) > 1

    said = shop.prints("orders", "forget", ORDER, "--reason", "asked by letter", "--yes")

    assert traces(tmp_path) == []
    assert "Not gone yet" not in said


def test_what_a_broker_at_rest_keeps_is_said(
    shop: Shop, handled: str, broker: EmbeddedBroker, tmp_path: Path
) -> None:
    told_the_broker(broker)
    broker.stop()

    said = shop.prints("orders", "forget", handled, "--reason", "asked by letter", "--yes")

    assert "Not gone yet from the embedded broker's files" in said
    assert traces(tmp_path)
