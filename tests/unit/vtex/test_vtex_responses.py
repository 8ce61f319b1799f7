"""Every answer seen from VTEX, by the error it becomes; they lie in tests/samples/vtex."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders_sync.errors import (
    AlreadySo,
    AuthFailed,
    NotFound,
    OrdersSyncError,
    OutcomeUnknown,
    RateLimited,
    Refused,
    RetryableError,
    Unavailable,
)
from orders_sync.vtex.exchange import Request, Response
from orders_sync.vtex.responses import read_json, require_accepted, retry_after, vtex_error

SAMPLES = Path(__file__).parents[2] / "samples" / "vtex"
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

READ = Request("GET", "/api/oms/pvt/orders/1-01", operation="get_order 1-01")
WRITE = Request("POST", "/api/oms/pvt/orders/1-01/start-handling", operation="start_handling 1-01")


def sample(name: str) -> Response:
    head = json.loads((SAMPLES / name / "response.json").read_text())
    return Response(head["status"], head["headers"], (SAMPLES / name / "body").read_bytes())


def decipher(request: Request, response: Response) -> Any:
    require_accepted(request, response, now=NOW)
    return read_json(request, response)


def error_of(request: Request, response: Response) -> OrdersSyncError:
    with pytest.raises(OrdersSyncError) as raised:
        decipher(request, response)
    return raised.value


@pytest.mark.parametrize(
    ("name", "to_a_read", "to_a_write"),
    [
        pytest.param("order-not-found", NotFound, NotFound, id="an order VTEX does not know"),
        pytest.param("feed-not-configured", NotFound, NotFound, id="404 without a body"),
        pytest.param("wrong-status-409", AlreadySo, AlreadySo, id="wrong status, as documented"),
        pytest.param("wrong-status-400", AlreadySo, AlreadySo, id="wrong status, as seen live"),
        pytest.param("unauthorized-401", AuthFailed, AuthFailed, id="a wrong key"),
        pytest.param("unauthorized-401-plain", AuthFailed, AuthFailed, id="a wrong key in text"),
        pytest.param("unauthorized-401-problem", AuthFailed, AuthFailed, id="RFC 9110 problem"),
        pytest.param("forbidden-403", AuthFailed, AuthFailed, id="a missing permission"),
        pytest.param("login-page-200", AuthFailed, AuthFailed, id="the login page with a 200"),
        pytest.param("login-redirect-302", AuthFailed, AuthFailed, id="redirect to the login"),
        pytest.param("moved-308", AuthFailed, AuthFailed, id="redirect to another host"),
        pytest.param("rate-limited-429", RateLimited, RateLimited, id="too many calls"),
        pytest.param("rate-limited-429-bare", RateLimited, RateLimited, id="429 without a word"),
        pytest.param("breaker-open-503", Unavailable, OutcomeUnknown, id="breaker open"),
        pytest.param("server-error-500", Unavailable, OutcomeUnknown, id="500"),
        pytest.param("bad-gateway-502", Unavailable, OutcomeUnknown, id="502 as a web page"),
        pytest.param("change-refused-400", Refused, Refused, id="envelope with fields"),
        pytest.param("refused-400-plain", Refused, Refused, id="refused in text"),
        pytest.param("refused-422-long", Refused, Refused, id="refused at length"),
        pytest.param("cut-off-200", Unavailable, OutcomeUnknown, id="JSON that breaks off"),
        pytest.param("accepted-200-plain", Unavailable, OutcomeUnknown, id="text with a 200"),
    ],
)
def test_an_answer_becomes_the_error_that_says_what_to_do_next(
    name: str, to_a_read: type[OrdersSyncError], to_a_write: type[OrdersSyncError]
) -> None:
    answer = sample(name)

    errors = error_of(READ, answer), error_of(WRITE, answer)

    assert tuple(map(type, errors)) == (to_a_read, to_a_write)
    assert "get_order 1-01" in str(errors[0])
    assert "start_handling 1-01" in str(errors[1])


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        pytest.param("order-not-found", "OMS007", "Order Not Found", id="the OMS's envelope"),
        pytest.param("change-refused-400", "CHK0098", "Item could not be changed", id="fields"),
        pytest.param("refused-400-flat", "4021", "The queue is invalid", id="no envelope"),
        pytest.param("server-error-500", "500", "An error has occurred.", id="Message alone"),
        pytest.param("unauthorized-401-problem", "401", "Unauthorized", id="a problem's title"),
        pytest.param("refused-400-plain", "400", "Unable to check address", id="plain text"),
        pytest.param("refused-400-text-error", "400", "Handle is invalid", id="error is a text"),
        pytest.param("refused-400-json-string", "400", "Handle is malformed", id="JSON string"),
        pytest.param("refused-400-web-page", "400", "a web page", id="HTML is not quoted"),
        pytest.param("feed-not-configured", "404", "VTEX gave no message", id="empty body"),
        pytest.param("refused-400-echo", "400", "VTEX gave no message", id="JSON is not quoted"),
        pytest.param(
            "refused-400-broken-echo", "400", "VTEX gave no message", id="broken JSON neither"
        ),
        pytest.param(
            "refused-400-personal",
            "ORD001",
            "Customer *** (***, ***) is blocked",
            id="personal data is masked",
        ),
    ],
)
def test_an_errors_code_and_message_are_found_in_every_wrapping(
    name: str, code: str, message: str
) -> None:
    assert vtex_error(sample(name)) == (code, message)


def test_a_refusal_carries_the_code_and_the_message_of_vtex() -> None:
    error = error_of(WRITE, sample("wrong-status-400"))

    assert isinstance(error, AlreadySo)
    assert error.code == "OMS003"
    assert error.vtex_message.startswith("Order status should be ready-for-handling")


def test_a_long_message_is_cut() -> None:
    message = vtex_error(sample("refused-422-long")).message

    assert len(message) == 300
    assert message.endswith("…")


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        pytest.param("rate-limited-429", 60.0, id="seconds"),
        pytest.param("rate-limited-429-date", 90.0, id="a date"),
        pytest.param("rate-limited-429-bare", None, id="nothing asked"),
        pytest.param("breaker-open-503", 5.0, id="with a 503"),
    ],
)
def test_an_error_says_how_long_vtex_wants_us_to_wait(name: str, seconds: float | None) -> None:
    for request in (READ, WRITE):
        error = error_of(request, sample(name))

        assert isinstance(error, RateLimited | RetryableError)
        assert error.retry_after == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param("0", 0.0, id="at once"),
        pytest.param("1.5", 1.5, id="a fraction"),
        pytest.param(" 30 ", 30.0, id="spaces"),
        pytest.param("99999999", 600.0, id="far too long"),
        pytest.param("9" * 400, 600.0, id="beyond a float"),
        pytest.param("-5", None, id="negative"),
        pytest.param("soon", None, id="a word"),
        pytest.param("nan", None, id="not a number"),
        pytest.param("", None, id="empty"),
        pytest.param("Tue, 24 Nov 2026 11:00:00 GMT", 0.0, id="a date gone by"),
        pytest.param("Tue, 24 Nov 2026 12:00:10", 10.0, id="a date without a zone"),
        pytest.param("Tue, 24 Nov 2099 12:00:00 GMT", 600.0, id="a date far off"),
        pytest.param("Tue, 99 Nov 2026 12:00:00 GMT", None, id="no date"),
    ],
)
def test_retry_after_is_read_within_bounds(text: str, seconds: float | None) -> None:
    answer = Response(429, {"retry-after": text})

    assert retry_after(answer, now=NOW) == seconds


@given(st.text())
def test_no_retry_after_is_too_odd_to_be_read(text: str) -> None:
    seconds = retry_after(Response(429, {"Retry-After": text}), now=NOW)

    assert seconds is None or 0 <= timedelta(seconds=seconds).total_seconds() <= 600


@given(st.integers(300, 599), st.binary(max_size=200), st.sampled_from(["", "text/html", "a/b"]))
def test_every_answer_that_is_no_success_becomes_one_of_our_errors(
    status: int, body: bytes, kind: str
) -> None:
    answer = Response(status, {"Content-Type": kind}, body)

    assert isinstance(error_of(READ, answer), OrdersSyncError)
    assert isinstance(error_of(WRITE, answer), OrdersSyncError)


@pytest.mark.parametrize(
    "asked", ["1000000000000", "601", "Fri, 31 Dec 9999 23:59:59 GMT"], ids=lambda text: text[:9]
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_wait_beyond_reason_is_cut_to_minutes_and_said(status: int, asked: str) -> None:
    error = error_of(READ, Response(status, {"Retry-After": asked}))

    assert isinstance(error, RateLimited | Unavailable)
    assert error.retry_after == 600.0
    assert f"(Retry-After: {asked}, of which 10 minutes are waited)" in str(error)


KEY, TOKEN = "vtexappkey-mystore-ABCDEF", "SoMeThing/Of+Our.Own-1234"
SECRETS = {"X-VTEX-API-AppKey": KEY, "X-VTEX-API-AppToken": TOKEN}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500])
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(f"No {KEY} with {TOKEN} here".encode(), id="plain"),
        pytest.param(json.dumps({"error": {"code": TOKEN, "message": KEY}}).encode(), id="code"),
        pytest.param(json.dumps({"Message": f"{KEY.upper()}:{TOKEN.lower()}"}).encode(), id="case"),
        pytest.param(f"{'x' * 1190} {TOKEN}".encode(), id="at the cut"),
        pytest.param(f"{' ' * 1190}{TOKEN}".encode(), id="at the cut of blanks"),
    ],
)
def test_our_own_key_and_token_are_never_quoted(status: int, body: bytes) -> None:
    request = Request("POST", "/", headers=SECRETS, operation="invoice 1-01")

    error = error_of(request, Response(status, {}, body))

    told = f"{error!r} {error}".lower()
    assert KEY.lower() not in told
    assert TOKEN[:9].lower() not in told


def test_another_application_s_key_and_token_are_never_quoted() -> None:
    body = f"vtexappkey-other-QWERTY and {'ABCDEFGHIJ' * 6} differ".encode()

    assert vtex_error(Response(401, {}, body)).message == "*** and *** differ"


@pytest.mark.parametrize(
    "personal",
    [
        "52998224725",
        "529.982.247-25",
        "529 982 247 25",
        "529982247-25",
        "11222333000181",
        "11.222.333/0001-81",
        "12.ABC.345/01DE-35",
        "12ABC34501DE35",
        "+5511987654321",
        "+55 11 98765-4321",
        "(11) 98765-4321",
        "11 987654321",
        "1133334444",
        "98765-4321",
        "+1 (212) 555-0100",
        "4111111111111111",
        "01310-100",
    ],
)
def test_documents_phones_and_addresses_are_masked_however_they_are_written(personal: str) -> None:
    answer = Response(400, {}, f"Value {personal}, or:{personal} is invalid".encode())

    assert vtex_error(answer).message == "Value ***, or:*** is invalid"


@pytest.mark.parametrize(
    "harmless",
    [
        "1306331686122-01",
        "v501556llux-01",
        "2026-11-24T12:00:10.1234567Z",
        "from 2025-12-01 to 2026-01-31",
        "R$ 1.234.567,89",
        "OMS003",
        "ready-for-handling",
        "item 310118449 of 12",
        "INVALID_STATUS",
    ],
)
def test_ids_dates_and_money_are_quoted(harmless: str) -> None:
    assert vtex_error(Response(400, {}, f"Wrong: {harmless}".encode())).message.endswith(harmless)


@pytest.mark.parametrize(
    ("body", "data"),
    [
        pytest.param(b'[{"a": %b}, {"a": 1}]' % (b"9" * 5000), [float("inf"), 1], id="digits"),
        pytest.param(b'[{"a": "x\xff"}, {"a": 1}]', ["x\ufffd", 1], id="a bad byte"),
        pytest.param(b'[{"a": "\\ud800"}, {"a": 1}]', ["\ud800", 1], id="half a character"),
    ],
)
def test_a_value_that_cannot_be_read_spoils_no_other(body: bytes, data: list[Any]) -> None:
    assert [item["a"] for item in decipher(READ, Response(200, {}, body))] == data


@pytest.mark.parametrize(
    ("body", "data"),
    [
        pytest.param(b"", None, id="empty"),
        pytest.param(b" \r\n", None, id="blank"),
        pytest.param(b"null", None, id="null"),
        pytest.param(b"[]", [], id="an empty list"),
        pytest.param(b'\xef\xbb\xbf{"a": 1}', {"a": 1}, id="a byte order mark"),
        pytest.param(b'"<html"', "<html", id="JSON that looks like HTML"),
    ],
)
def test_a_success_is_read_as_json(body: bytes, data: Any) -> None:
    assert decipher(READ, Response(200, {"Content-Type": "text/html"}, body)) == data


@pytest.mark.parametrize("body", [b"[" * 100_000, b"\xff\xfe", b"{'a': 1}", b"1" * 5000 + b"x"])
def test_what_is_not_json_is_no_answer_and_is_not_quoted(body: bytes) -> None:
    error = error_of(READ, Response(200, {}, body))

    assert isinstance(error, Unavailable)
    assert len(str(error)) < 120
    assert error.__cause__ is None
    assert error.__context__ is None
