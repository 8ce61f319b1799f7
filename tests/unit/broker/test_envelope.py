from __future__ import annotations

import base64
import json
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery import Celery
from hypothesis import given
from hypothesis import strategies as st

from orders_sync.broker import envelope as module
from orders_sync.broker.envelope import (
    NOT_BEFORE,
    BadEnvelope,
    count_take,
    message_for_celery,
    parse,
    read_envelope,
    without_takes,
)

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=2)
TASK = "orders_sync.cancel"
GIVEN = {"account": "mystore", "order_id": "1172452900704-01"}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["task", "id", "args", "kwargs", "eta", "timelimit", "__type__", "__value__"]
            )
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
FIELDS = ("task", "id", "eta", "expires", "timelimit", "compression", "takes", "group", "stamps")


def message(
    body: Any = None, *, text: str | None = None, encoding: str | None = "base64", **headers: Any
) -> dict[str, Any]:
    """Return a message as kombu writes it."""
    told = json.dumps([[], GIVEN, {}] if body is None else body) if text is None else text
    return {
        "body": base64.b64encode(told.encode()).decode() if encoding else told,
        "headers": {"task": TASK, "id": "1", **headers},
        "properties": {"body_encoding": encoding, "delivery_tag": "1", "delivery_info": {}},
        "content-type": "application/json",
        "content-encoding": "utf-8",
    }


def first_protocol(**changes: Any) -> dict[str, Any]:
    body = {"task": TASK, "id": "1", "args": [], "kwargs": GIVEN, **changes}
    return {**message(body), "headers": {}}


def for_celery(payload: Any, *, is_ours: bool = False) -> dict[str, Any]:
    return message_for_celery(
        read_envelope(payload), queue="celery", tag="t", is_ours=is_ours, now=NOW
    )


@pytest.mark.parametrize("protocol", [1, 2])
def test_what_celery_writes_is_read_in_both_protocols(protocol: int) -> None:
    app = Celery(broker="memory://", set_as_current=False)
    app.conf.task_protocol = protocol
    app.send_task(TASK, kwargs=GIVEN, task_id="7", countdown=60, time_limit=9, queue="q")

    with app.connection_for_read() as connection:
        payload = connection.default_channel._get("q")
    envelope = read_envelope(payload)

    assert (envelope.task, envelope.id) == (TASK, "7")
    assert json.loads(envelope.body)[:2] == [[], GIVEN]
    assert envelope.eta is not None
    assert list(envelope.options) == ["timelimit"]


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(message(), id="protocol 2"),
        pytest.param(message(encoding=None), id="a body that is not encoded"),
        pytest.param(first_protocol(), id="protocol 1"),
        pytest.param({**first_protocol(), "headers": None}, id="no headers"),
        pytest.param(
            {
                **message(),
                "body": base64.b64encode(
                    zlib.compress(json.dumps([[], GIVEN, {}]).encode())
                ).decode(),
                "headers": {"task": TASK, "id": "1", "compression": "application/x-gzip"},
            },
            id="compressed",
        ),
    ],
)
def test_a_task_goes_on_with_its_arguments_and_nothing_else(payload: dict[str, Any]) -> None:
    clean = for_celery(payload)

    assert json.loads(clean["body"]) == [[], GIVEN, {}]
    assert (clean["headers"]["task"], clean["headers"]["id"]) == (TASK, "1")
    assert clean["headers"]["eta"] is clean["headers"]["expires"] is None
    assert clean["properties"]["delivery_tag"] == "t"


def each(name: str, *values: Any) -> list[tuple[str, Any]]:
    return [(name, value) for value in values]


def cases() -> list[Any]:
    def case(name: str, payload: object) -> Any:
        return pytest.param(payload, id=name)

    headers: list[tuple[str, Any]] = [
        *each("task", None, 7, [], ["x"], {}, "", "\0", "\ud800", "x" * 256),
        *each("id", None, 7, ["x"], {}, ""),
        *each("eta", 7, {}, [], "soon", "0001-01-01T00:00:00+23:59"),
        *each("expires", 7, {}, "soon"),
        *each("timelimit", 30, {}, "x", [1], [1, 2, 3], ["1", 2]),
        ("compression", "application/x-bz2"),
        ("compression", ["x"]),
        ("takes", "x"),
    ]
    bodies = ["", "null", "{}", "[]", "7", '"x"', '{"a": 1, "b": 2}', "[[], {}]", "[[], {}, 7]"]
    bodies += ['{"a": 1, "b": 2, "c": 3}', "[{}, [], {}]", "[[], [], {}]", "not json"]
    bodies += [
        '{"task": "x", "id": "1", "args": 7}',
        "[" * 100_000,
        '[[{"__type__": "datetime", "__value__": "x"}], {}, {}]',
    ]
    no_id = message()
    del no_id["headers"]["id"]
    payloads: list[Any] = [None, 7, "x", [], [1, 2], {}]
    return [
        *(case(f"{name} {str(value)[:20]!r}", message(**{name: value})) for name, value in headers),
        *(case(f"body {body[:24]}", message(text=body)) for body in bodies),
        *(case(f"payload {value!r}", value) for value in payloads),
        case("no id", no_id),
        case("no base64", {**message(), "body": "x"}),
        case("a body that is no text", {**message(), "body": {}}),
        case("no properties", {**message(), "properties": []}),
        case(
            "an unknown encoding", message(encoding=None) | {"properties": {"body_encoding": "x"}}
        ),
        case("another type of content", {**message(), "content-type": "application/x-python"}),
        case("cut", {**message(compression="application/x-gzip"), "body": "eJw="}),
    ]


@pytest.mark.parametrize("payload", cases())
def test_what_is_no_tasks_message_is_refused_without_a_word_of_it(payload: object) -> None:
    with pytest.raises(BadEnvelope) as refused:
        for_celery(payload)

    assert refused.value.reason == "bad-envelope"
    assert "soon" not in str(refused.value)


def test_a_body_that_unpacks_to_more_than_is_allowed_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 100)
    packed = base64.b64encode(zlib.compress(b" " * 1000)).decode()

    with pytest.raises(BadEnvelope, match="too long"):
        read_envelope({**message(compression="application/x-gzip"), "body": packed})


@pytest.mark.parametrize("part", ["callbacks", "errbacks", "chain", "chord"])
@pytest.mark.parametrize("protocol", [1, 2])
def test_what_shall_come_of_a_task_is_left_out_and_named(part: str, protocol: int) -> None:
    link = [{"task": "upkeep.purge"}]
    sent = first_protocol(**{part: link}) if protocol == 1 else message([[], GIVEN, {part: link}])

    envelope = read_envelope(sent)

    assert list(envelope.links) == [part]
    assert json.loads(envelope.body) == [[], GIVEN, {}]


def test_what_would_overwrite_the_request_is_left_out() -> None:
    assert json.loads(read_envelope(message([[], GIVEN, {"id": None}])).body)[2] == {}


def test_times_of_another_service_are_a_due_time_and_never_celerys() -> None:
    sent = message(eta=LATER.isoformat(), expires=NOW.isoformat(), timelimit=[1, 2], group="g")

    headers = for_celery(sent)["headers"]

    assert headers["eta"] is headers["expires"] is None
    assert datetime.fromisoformat(headers[NOT_BEFORE]) == LATER
    assert not {"timelimit", "group"} & headers.keys()


@pytest.mark.parametrize(
    "eta", [(NOW - timedelta(seconds=1)).isoformat(), "2026-11-29T11:59:59", None]
)
def test_a_time_that_is_past_is_no_due_time(eta: str | None) -> None:
    assert NOT_BEFORE not in for_celery(message(eta=eta))["headers"]


def test_a_tick_of_our_own_expires_and_is_not_held() -> None:
    later = LATER.isoformat()

    headers = for_celery(message(expires=later, eta=later), is_ours=True)["headers"]

    assert datetime.fromisoformat(headers["expires"]) == LATER
    assert headers["eta"] is None


def test_a_message_that_did_not_end_is_counted_and_one_that_waits_is_not() -> None:
    taken = message()
    for counts in (True, False, True):
        taken = count_take(taken, counts=counts)

    assert read_envelope(taken).takes == 2
    assert read_envelope(without_takes(taken)).takes == 0
    assert for_celery(taken)["properties"]["delivery_info"]["redelivered"] is True


@given(JSON)
def test_whatever_is_not_even_a_message_is_refused(payload: Any) -> None:
    with pytest.raises(BadEnvelope):
        read_envelope(payload)
    count_take(payload, counts=True)


@given(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4), st.none() | JSON)
def test_whatever_headers_and_body_are_the_message_is_refused_or_clean(
    headers: dict[str, Any], body: Any
) -> None:
    try:
        clean = for_celery(message(body, **headers))
    except BadEnvelope:
        return
    args, kwargs, embed = json.loads(clean["body"])
    assert (type(args), type(kwargs), embed) == (list, dict, {}) or embed.keys() <= {
        "callbacks",
        "errbacks",
        "chain",
        "chord",
    }
    assert isinstance(clean["headers"]["task"], str)
    assert isinstance(clean["headers"]["id"], str)
    assert clean["headers"]["eta"] is None


@given(st.binary(max_size=200))
def test_any_bytes_are_json_or_refused(raw: bytes) -> None:
    with pytest.raises(BadEnvelope):
        read_envelope(parse(raw))


def test_a_message_that_is_too_long_is_not_even_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 9)

    with pytest.raises(BadEnvelope, match="more than 9 bytes") as refused:
        parse(b"[" * 10)

    assert refused.value.reason == "bad-envelope"
