"""What an admin does at the desk: people, tokens and endpoints, each act kept with who and why."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import requests
import sqlalchemy as sa
from support.desk_site import Desk, Visitor
from support.event_receiver import Receiver, answer, receiving
from support.office import STORE

from orders_sync.domain.announcements import Announcement, EventType
from orders_sync.gateway.rights import is_same
from orders_sync.ledger.tables import operator_log
from orders_sync.settings_parts import EndpointSettings

PAGES = ("people", "tokens", "endpoints", "endpoint")


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    return make_desk(endpoints=EndpointSettings(private_addresses=True, seconds=5))


@pytest.fixture
def anna(desk: Desk) -> Visitor:
    return desk.visitor("anna")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def acts(desk: Desk) -> list[tuple[str, str, str | None]]:
    with desk.ledger.database.reading() as connection:
        rows = connection.execute(sa.select(operator_log).order_by(operator_log.c.id))
        return [(row.who, row.did, row.why) for row in rows if row.who != "root"]


def shown_once(response: requests.Response) -> str:
    assert response.status_code == 200, response.text
    [secret] = re.findall(r'role="status"><p>.*?<p><code>(.*?)</code>', response.text, re.DOTALL)
    return str(secret)


def told(response: requests.Response) -> str:
    [text] = re.findall(r'role="(?:alert|status)">\s*(.*?)\s*</p>', response.text, re.DOTALL)
    return re.sub(r"<[^>]+>", "", text)


@pytest.mark.parametrize("name", ["vera", "otto", "maria"])
@pytest.mark.parametrize("page", PAGES)
def test_whoever_is_no_admin_sees_and_does_nothing_there(desk: Desk, name: str, page: str) -> None:
    visitor = desk.visitor(name)

    shown = visitor.gets(f"/desk/{page}")
    done = visitor.posts("/desk/", f"/desk/{page}", {"did": "create", "name": "x", "url": "x"})

    assert (shown.status_code, done.status_code) == (403, 403)
    assert "<table" not in shown.text + done.text
    assert f'href="/desk/{page}"' not in shown.text
    assert acts(desk) == []


@pytest.mark.parametrize("page", PAGES)
def test_a_form_without_its_token_does_nothing(desk: Desk, anna: Visitor, page: str) -> None:
    form = {"did": "create", "name": "x", "scope.read": "true", "all": "true"}

    refused = anna.http.post(f"{desk.url}/desk/{page}", data=form, timeout=30)

    assert refused.status_code == 403
    assert acts(desk) == []


def test_a_token_is_made_shown_once_listed_and_ended(desk: Desk, anna: Visitor) -> None:
    form = {
        "did": "create",
        "name": " warehouse ",
        "scope.read": "true",
        "scope.send:invoice": "true",
        "accounts": STORE,
        "days": "30",
        "why": "the new WMS",
    }
    token = shown_once(anna.posts("/desk/tokens", "/desk/tokens", form))

    [caller] = desk.ledger.callers.all()
    listed = anna.gets("/desk/tokens").text
    ended = anna.posts(
        "/desk/tokens", "/desk/tokens", {"did": "revoke", "name": "warehouse", "why": "it leaked"}
    )

    assert is_same(token, caller.digest)
    assert caller.scopes == {"read", "send:invoice"}
    assert caller.accounts == frozenset({STORE})
    assert caller.expires_at is not None
    assert caller.expires_at - caller.created_at == timedelta(days=30)
    assert caller.id in listed
    assert token not in listed
    assert ended.status_code == 303
    assert not desk.ledger.callers.all()[0].is_valid(datetime.now(UTC))
    assert acts(desk) == [
        ("anna", "tokens create warehouse", "the new WMS"),
        ("anna", "tokens revoke warehouse", "it leaked"),
    ]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"name": " "}, "A name has 1 to 80 characters"),
        ({"name": "x" * 81}, "A name has 1 to 80 characters"),
        ({"scope.read": ""}, "Tick what it may do"),
        ({"all": ""}, "Name each account"),
        ({"all": "", "accounts": f"{STORE} typo"}, "One of the accounts is not configured"),
        ({"days": "a while"}, "Give a number of days"),
        ({"days": "0"}, "Give a number of days"),
        ({"days": "99999999999"}, "Give a number of days"),
        ({"name": "taken"}, "This name is taken"),
    ],
)
def test_a_token_that_cannot_be_is_not_made(
    desk: Desk, anna: Visitor, fields: dict[str, str], says: str
) -> None:
    good = {"did": "create", "name": "shop", "scope.read": "true", "all": "true"}
    anna.posts("/desk/tokens", "/desk/tokens", good | {"name": "taken"})
    form = {name: text for name, text in (good | fields).items() if text}

    refused = anna.posts("/desk/tokens", "/desk/tokens", form)

    assert refused.status_code == 422
    assert told(refused).startswith(says)
    assert [caller.name for caller in desk.ledger.callers.all()] == ["taken"]


def test_somebody_is_let_in_with_a_password_that_is_shown_once(desk: Desk, anna: Visitor) -> None:
    form = {
        "did": "create",
        "name": "bruno",
        "role": "operator",
        "accounts": f"{STORE}, otherstore",
        "persons": "true",
        "why": "he is new",
    }
    password = shown_once(anna.posts("/desk/people", "/desk/people", form))

    assert desk.visitor(None, address="127.0.2.1").signs_in("bruno", password).status_code == 303
    bruno = desk.ledger.users.find("bruno")
    assert bruno is not None
    assert (bruno.role, bruno.sees_persons) == ("operator", True)
    assert bruno.accounts == frozenset({STORE, "otherstore"})
    assert acts(desk) == [("anna", "users create bruno", "he is new")]


def test_a_new_password_ends_the_old_one_and_its_sessions(desk: Desk, anna: Visitor) -> None:
    otto = desk.visitor("otto")
    form = {"did": "password", "name": "otto", "why": "he forgot it"}

    password = shown_once(anna.posts("/desk/people", "/desk/people", form))

    assert otto.gets("/desk/").status_code == 303
    assert desk.visitor(None, address="127.0.2.1").signs_in("otto").status_code == 403
    assert desk.visitor(None, address="127.0.2.1").signs_in("otto", password).status_code == 303


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"name": ""}, "A name has"),
        ({"name": "vera"}, "This name is taken"),
        ({"role": "root"}, "A part of the form is wrong"),
        ({"all": ""}, "Name each account"),
    ],
)
def test_a_person_that_cannot_be_is_not_let_in(
    desk: Desk, anna: Visitor, fields: dict[str, str], says: str
) -> None:
    people = len(desk.ledger.users.all())
    good = {"did": "create", "name": "bruno", "role": "viewer", "all": "true"}
    form = {name: text for name, text in (good | fields).items() if text}

    refused = anna.posts("/desk/people", "/desk/people", form)

    assert (refused.status_code, told(refused).startswith(says)) == (422, True)
    assert len(desk.ledger.users.all()) == people


def add_endpoint(anna: Visitor, receiver: Receiver, **fields: str) -> tuple[str, str]:
    form = {"url": receiver.url, **fields}
    response = anna.posts("/desk/endpoints", "/desk/endpoints", form)
    secret = shown_once(response)
    [endpoint_id] = set(re.findall(r"ep_[0-9a-f]{8}", response.text))
    return endpoint_id, secret


def press(anna: Visitor, endpoint_id: str, did: str, **fields: str) -> requests.Response:
    page = f"/desk/endpoint?id={endpoint_id}"
    return anna.posts(page, "/desk/endpoint", {"id": endpoint_id, "did": did, **fields})


def test_an_endpoint_is_added_tried_and_its_secret_shown_once(
    desk: Desk, anna: Visitor, receiver: Receiver
) -> None:
    fields = {"event.order.parked": "true", "accounts": STORE, "why": "for the shop"}
    endpoint_id, secret = add_endpoint(anna, receiver, **fields)
    endpoint = desk.ledger.endpoints.find(endpoint_id)
    assert endpoint is not None

    taken = told(press(anna, endpoint_id, "test"))
    receiver.behaviour = answer(500)
    failed = told(press(anna, endpoint_id, "test"))

    assert endpoint.events == frozenset({"order.parked"})
    assert endpoint.accounts == frozenset({STORE})
    assert receiver.verify(secret, 0)["type"] == "endpoint.test"
    assert (taken, failed) == ("It took the test. 200", "It did not take the test. 500")
    assert secret not in anna.gets(f"/desk/endpoint?id={endpoint_id}").text
    assert acts(desk) == [("anna", f"endpoints add {endpoint_id}", "for the shop")]


def test_an_endpoint_is_switched_given_a_new_secret_and_removed_with_who_and_why(
    desk: Desk, anna: Visitor, receiver: Receiver
) -> None:
    endpoint_id, secret = add_endpoint(anna, receiver)
    for did in ("disable", "enable"):
        assert press(anna, endpoint_id, did, why="it moves").status_code == 303
    rotated = shown_once(press(anna, endpoint_id, "rotate", why="it leaked"))
    unsaid = press(anna, endpoint_id, "remove")
    removed = press(anna, endpoint_id, "remove", why="nobody needs it")

    assert rotated != secret
    assert (unsaid.status_code, removed.status_code) == (409, 303)
    assert desk.ledger.endpoints.find(endpoint_id) is None
    assert anna.gets(f"/desk/endpoint?id={endpoint_id}").status_code == 404
    assert acts(desk) == [
        ("anna", f"endpoints add {endpoint_id}", None),
        ("anna", f"endpoints disable {endpoint_id}", "it moves"),
        ("anna", f"endpoints enable {endpoint_id}", "it moves"),
        ("anna", f"endpoints rotate {endpoint_id}", "it leaked"),
        ("anna", f"endpoints remove {endpoint_id}", "nobody needs it"),
    ]


def test_events_are_shown_with_their_tries_and_sent_again(
    desk: Desk, anna: Visitor, receiver: Receiver
) -> None:
    endpoint_id, _ = add_endpoint(anna, receiver)
    told_of = Announcement(EventType.ORDER_PARKED, desk.now(), STORE, mark="1", order_id="1-01")
    database = desk.ledger.database
    database.outbox.forget()
    with database.writing() as connection:
        database.outbox.write(connection, [told_of])

    page = anna.gets(f"/desk/endpoint?id={endpoint_id}").text
    by_time = told(press(anna, endpoint_id, "replay", hours="2", why="they lost it"))
    by_id = told(press(anna, endpoint_id, "replay", event_id=told_of.id))
    none = told(press(anna, endpoint_id, "replay", event_id="evt_0"))
    wrong = press(anna, endpoint_id, "replay", hours="some")

    assert told_of.id in page
    assert f'href="/desk/order?account={STORE}&amp;id=1-01"' in page
    assert (by_time, by_id, none) == (
        "1 event is sent again.",
        "1 event is sent again.",
        "0 events are sent again.",
    )
    assert (wrong.status_code, told(wrong)[:23]) == (422, "Give a number of hours,")
    assert ("anna", f"endpoints replay {endpoint_id}", "they lost it") in acts(desk)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"url": "ftp://a.example/"}, "Events cannot be sent there"),
        ({"url": ""}, "Events cannot be sent there"),
        ({"accounts": "typo"}, "One of the accounts is not configured"),
        ({"event.order.lost": "true"}, "A part of the form is wrong"),
    ],
)
def test_an_endpoint_that_cannot_be_is_not_added(
    desk: Desk, anna: Visitor, fields: dict[str, str], says: str
) -> None:
    form = {"url": "https://a.example/", **fields}

    refused = anna.posts("/desk/endpoints", "/desk/endpoints", form)

    assert (refused.status_code, told(refused).startswith(says)) == (422, True)
    assert desk.ledger.endpoints.all() == []
