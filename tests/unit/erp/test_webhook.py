"""The adapter `webhook`, against a real server that answers as it is told."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from support.event_receiver import Behaviour, Receiver, answer, never, receiving
from support.faulty_way import cut, hang_up, lie, say
from support.webhook_erp import NEW_SECRET, SECRET

from orders_sync.domain.commands import Command, Outcome
from orders_sync.domain.differences import Changes
from orders_sync.domain.order import Component
from orders_sync.erp.base import CancelAnswer, ChangeAnswer, Decision, Receipt
from orders_sync.erp.guarded import GuardedErp
from orders_sync.erp.webhook import WebhookErp
from orders_sync.errors import ConfigurationError, ErpRefused, ErpUnavailable, ItemUnmapped
from orders_sync.testing.factories import make_line, make_order

MakeErp = Callable[..., WebhookErp]

ORDER = make_order()
CHANGES = Changes(revision=2, value_before_cents=ORDER.value_cents, value_after_cents=90)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        receiver.behaviour = say({"reference": "SO-1"})
        yield receiver


@pytest.fixture
def make_erp(receiver: Receiver, tmp_path: Path) -> Iterator[MakeErp]:
    made: list[WebhookErp] = []

    def make(**options: Any) -> WebhookErp:
        given = {"url": receiver.url, "secret": SECRET, **options}
        made.append(WebhookErp("mystore", given, tmp_path))
        return made[-1]

    yield make
    for erp in made:
        erp.close()


@pytest.fixture
def erp(make_erp: MakeErp) -> WebhookErp:
    return make_erp()


def test_an_order_is_posted_whole_and_its_reference_is_the_receipt(
    erp: WebhookErp, receiver: Receiver
) -> None:
    receipt = erp.place_order(ORDER)

    [message] = receiver.received
    assert receipt == Receipt("SO-1")
    assert (message["type"], message["version"]) == ("erp.place", 1)
    assert (message["data"]["account"], message["data"]["order_id"]) == ("mystore", ORDER.order_id)
    order = message["data"]["order"]
    assert order["value_cents"] == ORDER.value_cents
    assert order["customer"]["first_name"] == ORDER.customer.first_name
    assert [line["total_cents"] for line in order["lines"]] == [
        line.total_cents for line in ORDER.lines
    ]
    assert json.loads(order["document"]) == json.loads(ORDER.document)


def test_a_number_is_a_reference_too(erp: WebhookErp, receiver: Receiver) -> None:
    receiver.behaviour = say({"reference": 4711, "customer": "passed over"})

    assert erp.place_order(ORDER) == Receipt("4711")


def test_an_order_that_was_there_gives_its_reference(erp: WebhookErp, receiver: Receiver) -> None:
    receiver.behaviour = say({"reference": "SO-1"}, 409)

    assert erp.place_order(ORDER) == Receipt("SO-1")


def test_the_same_message_has_the_same_id_and_another_has_another(
    erp: WebhookErp, receiver: Receiver
) -> None:
    for order_id in ("1-01", "1-01", "2-01", "Pedido 7/ção 🎁"):
        erp.place_order(make_order(order_id))

    first, again, other, odd = receiver.ids
    assert first == again
    assert len({first, other, odd}) == 3
    assert odd.isascii()
    assert "." not in "".join(receiver.ids)


@pytest.mark.parametrize("secret", [SECRET, NEW_SECRET])
def test_while_one_secret_takes_the_others_place_both_sign(
    secret: str, make_erp: MakeErp, receiver: Receiver
) -> None:
    make_erp(secret=NEW_SECRET, old_secret=SECRET).place_order(ORDER)

    assert receiver.verify(secret) == receiver.received[-1]
    assert len(receiver.headers[-1]["webhook-signature"].split()) == 2


def test_a_cancellation_says_which_order_and_why(erp: WebhookErp, receiver: Receiver) -> None:
    receiver.behaviour = say({"answer": "too_late"})

    answered = erp.cancel_order("1-01", "canceled")

    assert answered is CancelAnswer.TOO_LATE
    assert receiver.received[-1]["data"] == {
        "account": "mystore",
        "order_id": "1-01",
        "reason": "canceled",
    }


def test_a_change_says_what_differs_and_of_which_revision(
    erp: WebhookErp, receiver: Receiver
) -> None:
    receiver.behaviour = say({"answer": "taken"})

    answers = [erp.order_changed(ORDER, CHANGES) for _ in range(2)]
    erp.order_changed(ORDER, replace(CHANGES, revision=3))

    assert answers == [ChangeAnswer.TAKEN] * 2
    changes = receiver.received[0]["data"]["changes"]
    assert (changes["revision"], changes["value_after_cents"]) == (2, 90)
    assert receiver.ids[0] == receiver.ids[1] != receiver.ids[2]


@pytest.mark.parametrize(
    ("reply", "decision"),
    [
        ({"answer": "agree", "reason": "Pode"}, Decision.agree()),
        ({"answer": "undecided"}, Decision.undecided()),
        ({"answer": "deny", "reason": "Já foi embalado"}, Decision.deny("Já foi embalado")),
        ({"answer": "deny"}, Decision.deny("The store cannot cancel this order any more.")),
        ({"answer": "deny", "reason": " "}, None),
    ],
)
def test_a_wish_to_cancel_is_decided(
    reply: dict[str, str], decision: Decision | None, erp: WebhookErp, receiver: Receiver
) -> None:
    receiver.behaviour = say(reply)

    decided = erp.consider_cancellation(ORDER)

    assert decided == (decision or Decision.deny("The store cannot cancel this order any more."))


def test_each_time_that_it_is_asked_a_decision_is_another_message(
    erp: WebhookErp, receiver: Receiver
) -> None:
    receiver.behaviour = say({"answer": "undecided"})

    for _ in range(2):
        erp.consider_cancellation(ORDER)

    assert len(set(receiver.ids)) == 2


def test_outcomes_go_in_one_message_in_their_order(erp: WebhookErp, receiver: Receiver) -> None:
    receiver.behaviour = answer(204)

    erp.answer_all(
        [
            (Command("invoice", "1-01", None, "a"), Outcome("done", None, "receipt")),
            (Command("cancel", "2-01", None, "b"), Outcome("refused", "It is invoiced.")),
        ]
    )

    [message] = receiver.received
    assert [
        (each["key"], each["command"], each["outcome"], each["reason"], each["receipt"])
        for each in message["data"]["outcomes"]
    ] == [
        ("a", "invoice", "done", None, "receipt"),
        ("b", "cancel", "refused", "It is invoiced.", None),
    ]


@pytest.mark.parametrize("status", [425, 429, 503])
def test_later_is_as_late_as_the_erp_says_and_an_hour_at_most(
    status: int, erp: WebhookErp, receiver: Receiver
) -> None:
    waits = []
    for retry_after in ("120", "86400", "soon"):
        receiver.behaviour = answer(status, Retry_After=retry_after)
        with pytest.raises(ErpUnavailable, match=f"answers {status} to place: later") as raised:
            erp.place_order(ORDER)
        waits.append(raised.value.retry_after)

    assert waits == [120, 3600, None]


@pytest.mark.parametrize(
    ("behaviour", "says"),
    [
        pytest.param(answer(500), "answers 500 .* asked again", id="500"),
        pytest.param(answer(504), "answers 504 .* asked again", id="504"),
        pytest.param(answer(400), "answers 400 .* asked again", id="400"),
        pytest.param(answer(401), "compare secret and secret_headers", id="401"),
        pytest.param(answer(404), "correct url", id="404"),
        pytest.param(hang_up, r"no answer to place \(", id="lost"),
        pytest.param(cut, r"no answer to place \(", id="cut"),
        pytest.param(lie, "without a reply that can be read", id="a page"),
        pytest.param(say(""), "without a reply that can be read", id="nothing"),
        pytest.param(say("null"), "without a reply that can be read", id="null"),
        pytest.param(say([1]), "without a reply that can be read", id="a list"),
        pytest.param(say(b'{"reference": "\xff"}'), "that can be read", id="no UTF-8"),
        pytest.param(say("[" * 60_000), "that can be read", id="without an end"),
        pytest.param(say({}), "reference: is missing", id="no reference"),
        pytest.param(say({"reference": ""}), "reference: ", id="an empty reference"),
        pytest.param(say({"reference": "A\nB"}), "reference: ", id="two lines"),
        pytest.param(say({"reference": "A" * 201}), "reference: ", id="a long reference"),
        pytest.param(say({"reference": True}), "reference: ", id="a truth"),
        pytest.param(say("A" * 70_000), "more than 65536 bytes", id="much"),
        pytest.param(say({}, 409), "reference: is missing", id="409 without a receipt"),
    ],
)
def test_what_is_no_reply_says_nothing_of_what_was_done(
    behaviour: Behaviour, says: str, erp: WebhookErp, receiver: Receiver
) -> None:
    receiver.behaviour = behaviour

    with pytest.raises(ErpUnavailable, match=says) as raised:
        erp.place_order(ORDER)

    assert ORDER.customer.first_name not in str(raised.value)


def test_a_reply_that_never_comes_is_given_up(make_erp: MakeErp, receiver: Receiver) -> None:
    receiver.behaviour = never(receiver)

    with pytest.raises(ErpUnavailable, match="no answer to cancel"):
        make_erp(read_seconds=0.05).cancel_order("1-01", "canceled")


def test_a_reply_that_never_ends_is_given_up(make_erp: MakeErp, receiver: Receiver) -> None:
    def trickle(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        while not receiver.hold.wait(0.01):
            handler.wfile.write(b" ")

    receiver.behaviour = trickle

    with pytest.raises(ErpUnavailable, match=r"within 0\.2 s"):
        make_erp(read_seconds=0.1, total_seconds=0.2).place_order(ORDER)


def test_a_redirect_is_not_followed(erp: WebhookErp, receiver: Receiver) -> None:
    receiver.behaviour = answer(307, Location=f"{receiver.url}/elsewhere")

    with pytest.raises(ErpUnavailable, match="set url to where it leads"):
        erp.place_order(ORDER)

    assert len(receiver.received) == 1


def test_an_erp_that_is_not_there_is_unavailable(make_erp: MakeErp) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]

    with pytest.raises(ErpUnavailable, match="No connection to the ERP for place"):
        make_erp(url=f"http://127.0.0.1:{port}").place_order(ORDER)


def test_a_refusal_is_told_without_whom_it_names(erp: WebhookErp, receiver: Receiver) -> None:
    person = ORDER.customer
    receiver.behaviour = say(
        {
            "code": "No-Credit",
            "reason": f"{person.first_name.upper()}, {person.document}, {person.email} owes 300",
        },
        422,
    )

    with pytest.raises(ErpRefused) as raised:
        erp.place_order(ORDER)

    assert raised.value.cause == "erp.refused.no_credit"
    assert str(raised.value) == "The ERP refuses place: ***, ***, *** owes 300 (no_credit)"


def test_a_code_that_names_the_customer_is_dropped(erp: WebhookErp, receiver: Receiver) -> None:
    order = replace(ORDER, customer=replace(ORDER.customer, last_name="Silva"))
    receiver.behaviour = say({"code": "debt_of_silva"}, 422)

    with pytest.raises(ErpRefused) as raised:
        erp.place_order(order)

    assert raised.value.cause == "erp.refused"
    assert "silva" not in str(raised.value)


def test_words_about_an_order_that_is_not_at_hand_are_not_kept(
    erp: WebhookErp, receiver: Receiver
) -> None:
    receiver.behaviour = say({"reason": "Maria Silva has it", "code": "closed"}, 422)

    with pytest.raises(ErpRefused) as raised:
        erp.cancel_order("1-01", "canceled")

    assert str(raised.value) == "The ERP refuses cancel: why it does not say (closed)"


@pytest.mark.parametrize("body", ["", "<html>", '{"reason": ["a"]}', "[]", '{"code": {}}'])
def test_a_refusal_that_cannot_be_read_is_one(
    body: str, erp: WebhookErp, receiver: Receiver
) -> None:
    receiver.behaviour = say(body, 422)

    with pytest.raises(ErpRefused, match="why it does not say") as raised:
        erp.place_order(ORDER)

    assert raised.value.cause == "erp.refused"


@pytest.mark.parametrize("name", ["sku", "seller_sku", "ref_id"])
def test_a_sku_that_the_erp_lacks_is_named_as_the_order_has_it(
    name: str, erp: WebhookErp, receiver: Receiver
) -> None:
    sku = getattr(ORDER.lines[1], name)
    receiver.behaviour = say({"sku": sku}, 422)

    with pytest.raises(ItemUnmapped) as raised:
        erp.place_order(ORDER)

    assert raised.value.sku == sku


def test_a_sku_that_the_order_does_not_have_is_not_repeated(
    erp: WebhookErp, receiver: Receiver
) -> None:
    receiver.behaviour = say({"sku": "Maria Silva", "reason": "No product"}, 422)

    with pytest.raises(ErpRefused) as raised:
        erp.place_order(ORDER)

    assert str(raised.value) == "The ERP refuses place: No product"


def test_each_verb_may_have_a_url_of_its_own(make_erp: MakeErp, receiver: Receiver) -> None:
    paths: list[str] = []

    def note(handler: BaseHTTPRequestHandler) -> None:
        paths.append(handler.path)
        say({"reference": "SO-1", "answer": "cancelled"})(handler)

    receiver.behaviour = note
    erp = make_erp(urls={"cancel": f"{receiver.url}/cancel?flow=7"})

    erp.place_order(ORDER)
    erp.cancel_order("1-01", "canceled")

    assert paths == ["/events", "/events/cancel?flow=7"]


def test_headers_of_the_settings_are_sent(make_erp: MakeErp, receiver: Receiver) -> None:
    make_erp(secret_headers={"X-Api-Key": "letters"}).place_order(ORDER)

    assert receiver.headers[-1]["x-api-key"] == "letters"
    assert receiver.headers[-1]["content-type"] == "application/json"


def test_what_an_erp_does_without_is_not_sent(make_erp: MakeErp, receiver: Receiver) -> None:
    erp = make_erp(verbs=["place", "cancel"])
    guarded = GuardedErp(erp, lambda: pytest.fail("a call that is not made"), seconds=60)

    decision = guarded.consider_cancellation(ORDER)
    guarded.answer_all([(Command("note", "1-01", None, "k"), Outcome("done"))])

    assert decision == Decision.undecided()
    assert not guarded.takes_changes
    assert "without check" in (erp.check() or "")
    assert receiver.received == []


def test_an_erp_that_is_not_asked_has_to_be_there_all_the_same(make_erp: MakeErp) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]

    with pytest.raises(ErpUnavailable, match="Nobody takes connections"):
        make_erp(url=f"http://127.0.0.1:{port}", verbs=["place", "cancel"]).check()


def test_an_erp_says_that_it_is_there(erp: WebhookErp, receiver: Receiver) -> None:
    receiver.behaviour = answer(204)

    assert erp.check() is None
    assert receiver.received[-1]["type"] == "erp.check"


@pytest.mark.parametrize(
    ("status", "error", "says"),
    [
        (401, ConfigurationError, "compare secret"),
        (404, ConfigurationError, "correct url"),
        (302, ConfigurationError, "where it leads"),
        (503, ErpUnavailable, "answers 503"),
    ],
)
def test_an_erp_that_does_not_say_so_is_told_of(
    status: int, error: type[Exception], says: str, erp: WebhookErp, receiver: Receiver
) -> None:
    receiver.behaviour = answer(status)

    with pytest.raises(error, match=says):
        erp.check()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"url": 7}, "url must be a valid string"),
        ({"url": "erp.example.com"}, "url must begin with https:// or http://"),
        ({"url": "https://me:secret@erp.example.com"}, "url must have neither a user"),
        ({"url": None}, "url is missing; give "),
        ({"url": None, "urls": {"place": "https://a.example"}}, "url is missing"),
        ({"urls": {"palce": "https://a.example"}}, "urls.palce must be 'place'"),
        ({"urls": {"place": "a.example"}}, "urls.place must begin with"),
        ({"secret": None}, "secret must be"),
        ({"secret": "whsec_short"}, "secret must be a secret of Standard Webhooks; make one: echo"),
        ({"old_secret": "letters"}, "old_secret must be a secret of Standard Webhooks"),
        ({"verbs": ["place"]}, "verbs must have cancel"),
        ({"verbs": ["place", "cancel", "fly"]}, "verbs.2 must be "),
        ({"secret_headers": {"Host": "a"}}, "secret_headers.Host must be another"),
        ({"secret_headers": {"X Y": "a"}}, "secret_headers.X Y "),
        ({"secret_headers": {"X-Key": "a\r\nB: c"}}, "secret_headers.X-Key must be one line"),
        ({"total_seconds": 0}, "total_seconds must be greater than 0"),
        ({"read_seconds": 61}, "read_seconds must be less than or equal to 60"),
        ({"port": 1}, "unknown option port; it takes connect_seconds"),
    ],
)
def test_an_option_that_is_wrong_is_named(
    options: dict[str, Any], says: str, make_erp: MakeErp
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        make_erp(**options)

    assert says in str(raised.value)
    assert not any(secret in str(raised.value) for secret in ("me:secret", "short", "letters"))


def test_a_secret_that_is_missing_is_made_by_a_command(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="secret is missing; make one: echo"):
        WebhookErp("mystore", {"url": "https://erp.example.com"}, tmp_path)


def test_the_constructor_does_not_connect(tmp_path: Path) -> None:
    options = {"url": "http://erp.invalid", "secret": SECRET}

    with closing(WebhookErp("mystore", options, tmp_path)) as erp:
        assert erp.takes_changes


def test_a_kits_component_may_be_what_the_erp_lacks(erp: WebhookErp, receiver: Receiver) -> None:
    part = Component("U", "91", "92", "REF-93", "Xícara", 2)
    order = make_order(lines=[make_line(components=(part,))])
    receiver.behaviour = say({"sku": 92}, 422)

    with pytest.raises(ItemUnmapped, match="SKU 92"):
        erp.place_order(order)
