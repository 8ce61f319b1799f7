from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.event_receiver import Receiver, answer, receiving
from support.office import Office
from support.parking import parked_order
from support.shop import STORE, Shop

from orders_sync.testing.clock import SettableClock

URL = "https://shop.example.com/events?token=topsecret"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def added(shop: Shop, *words: str, url: str = URL) -> str:
    return str(shop.answers("endpoints", "add", url, *words)["id"])


def test_the_secret_is_shown_once(shop: Shop) -> None:
    said = shop.prints("endpoints", "add", URL)

    endpoint_id, secret = said.split()
    [endpoint] = shop.ledger.endpoints.all()
    assert endpoint.secret == secret
    for words in (("list",), ("show", endpoint_id), ("list", "--json")):
        shown = shop.prints("endpoints", *words)
        assert secret not in shown
        assert "topsecret" not in shown
    assert secret not in repr(endpoint)


def test_an_endpoint_may_be_for_some_events_and_accounts(shop: Shop) -> None:
    added(shop, "--event", "order.parked", "--event", "command.done", "--account", STORE)

    [listed] = shop.answers("endpoints", "list")["endpoints"]
    assert (listed["events"], listed["accounts"]) == (["command.done", "order.parked"], [STORE])
    assert (listed["state"], listed["waiting"]) == ("on", 0)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("add", "http://shop.example.com/"), 2),
        (("add", URL, "--event", "order.lost"), 2),
        (("add", URL, "--account", "typo"), 1),
        (("show", "ep_0"), 1),
        (("enable", "ep_0"), 1),
        (("replay", "ep_0"), 2),
    ],
)
def test_what_cannot_be_is_refused(shop: Shop, arguments: tuple[str, ...], status: int) -> None:
    result = shop.types("endpoints", *arguments)

    assert result.exit_code == status
    assert shop.ledger.endpoints.all() == []


def test_an_endpoint_is_switched_off_and_on_and_removed(shop: Shop) -> None:
    endpoint_id = added(shop)

    def state() -> str:
        return str(shop.answers("endpoints", "show", endpoint_id)["state"])

    shop.prints("endpoints", "disable", endpoint_id)
    off = state()
    shop.prints("endpoints", "enable", endpoint_id)
    on = state()
    shop.prints("endpoints", "remove", endpoint_id)

    assert (off, on) == ("off (person)", "on")
    assert "No endpoints" in shop.prints("endpoints", "list")


def test_a_secret_is_rotated(shop: Shop) -> None:
    endpoint_id = added(shop)
    [before] = shop.ledger.endpoints.all()

    told = shop.answers("endpoints", "rotate", endpoint_id, "--overlap", "2h")

    [after] = shop.ledger.endpoints.all()
    assert (after.secret, after.old_secret) == (told["secret"], before.secret)


def test_what_waits_is_shown_and_what_was_sent_is_sent_again(
    shop: Shop, office: Office, clock: SettableClock
) -> None:
    endpoint_id = added(shop)
    office.ledger.database.outbox.forget()
    parked_order(office, "a-01")

    shown = shop.answers("endpoints", "show", endpoint_id)
    [event] = [sent for sent in shown["sent"] if sent["type"] == "order.parked"]
    replayed = shop.answers("endpoints", "replay", endpoint_id, "--event-id", event["event_id"])
    day = f"{clock():%Y-%m-%d}"
    all_of_it = ("endpoints", "replay", endpoint_id, "--since", day, "--until", day)

    assert (event["order_id"], event["state"], event["attempts"]) == ("a-01", "waiting", [])
    assert replayed == {"id": endpoint_id, "events": 1}
    assert shop.answers(*all_of_it)["events"] == len(shown["sent"])
    assert shop.types("endpoints", "replay", endpoint_id, "--event-id", "evt_0").exit_code == 1


def test_an_endpoint_is_tested_from_here(shop: Shop, receiver: Receiver) -> None:
    shop.environment["ORDERS_SYNC_ENDPOINTS__PRIVATE_ADDRESSES"] = "true"
    endpoint_id = added(shop, url=receiver.url)
    [endpoint] = shop.ledger.endpoints.all()

    taken = shop.answers("endpoints", "test", endpoint_id)
    receiver.behaviour = answer(404)
    refused = shop.types("endpoints", "test", endpoint_id)

    assert taken == {"id": endpoint_id, "answer": "200", "is_taken": True}
    assert receiver.verify(endpoint.secret, 0)["type"] == "endpoint.test"
    assert (refused.exit_code, "not taken (404)" in refused.output) == (1, True)
