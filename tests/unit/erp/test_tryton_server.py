"""Calls to a Tryton that is slow, forgetful or broken; the real one is in `tests/contract`."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from orders_sync.embedded.broker import free_port
from orders_sync.erp.tryton import server as tryton_server
from orders_sync.erp.tryton.adapter import TrytonErp
from orders_sync.erp.tryton.server import Login, NoAccess, TrytonDefect, TrytonServer
from orders_sync.errors import ConfigurationError, ErpRefused, ErpUnavailable, ItemUnmapped
from orders_sync.testing.factories import make_order

SECRET = "Fulana 529.982.247-25"
METHOD = "model.orders_sync.order.place"


@dataclass
class Answer:
    """What the server says; a `cut` one ends before its end."""

    status: int = 200
    body: bytes = b'{"id": 1, "result": 7}'
    is_cut: bool = False


@dataclass
class LyingTryton:
    """Logs everybody in, and answers other calls as it is told, or with 7."""

    url: str = ""
    answers: list[Answer] = field(default_factory=list)
    logins: int = 0
    sessions: list[str] = field(default_factory=list)


@pytest.fixture
def lying() -> Iterator[LyingTryton]:
    state = LyingTryton()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if call["method"] == "common.db.login":
                state.logins += 1
                token = f"token{state.logins}"
                self._say(Answer(body=json.dumps({"id": 1, "result": [1, token, None]}).encode()))
                return
            state.sessions.append(self.headers["Authorization"])
            self._say(state.answers.pop(0) if state.answers else Answer())

        def _say(self, answer: Answer) -> None:
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(answer.body) + answer.is_cut))
            self.end_headers()
            self.wfile.write(answer.body)
            self.close_connection = answer.is_cut

        def log_message(self, *_: object) -> None:
            return

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    state.url = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    yield state
    http.shutdown()
    http.server_close()
    thread.join()


@pytest.fixture
def server(lying: LyingTryton) -> Iterator[TrytonServer]:
    with closing(TrytonServer(lying.url, "store", Login("orders_sync", "secret"))) as server:
        yield server


def error(*arguments: Any) -> bytes:
    return json.dumps({"id": 1, "error": arguments}).encode()


def test_a_session_is_kept(server: TrytonServer, lying: LyingTryton) -> None:
    assert [server.call(METHOD) for _ in range(3)] == [7, 7, 7]
    assert lying.logins == 1


def test_a_session_that_ended_is_begun_anew_once(server: TrytonServer, lying: LyingTryton) -> None:
    server.call(METHOD)
    lying.answers = [Answer(401)]

    assert server.call(METHOD) == 7
    assert lying.logins == 2
    assert len(set(lying.sessions)) == 2


@pytest.mark.parametrize(
    ("answers", "raised"),
    [
        ([Answer(401), Answer(401)], NoAccess),
        ([Answer(403)], NoAccess),
        ([Answer(body=error("UserError", [SECRET, "", None]))], NoAccess),
        ([Answer(body=error("UserWarning", ["name", SECRET, ""]))], NoAccess),
        ([Answer(body=error("ConcurrencyException", SECRET))], ErpUnavailable),
        ([Answer(body=error(f"KeyError: {SECRET}", "traceback"))], TrytonDefect),
        ([Answer(429)], ErpUnavailable),
        ([Answer(503, SECRET.encode())], ErpUnavailable),
        ([Answer(302)], ErpUnavailable),
        ([Answer(body=b"<html>" + SECRET.encode())], ErpUnavailable),
        ([Answer(body=b"[]")], ErpUnavailable),
        ([Answer(body=b'{"id": 1}')], ErpUnavailable),
        ([Answer(body=error())], ErpUnavailable),
        ([Answer(is_cut=True)], ErpUnavailable),
    ],
)
def test_what_tryton_says_is_told_by_what_to_do_and_never_quoted(
    server: TrytonServer, lying: LyingTryton, answers: list[Answer], raised: type[Exception]
) -> None:
    lying.answers = answers

    with pytest.raises(raised) as caught:
        server.call(METHOD, {"name": SECRET})

    assert METHOD in str(caught.value)
    assert SECRET not in str(caught.value)
    assert lying.answers == []


def test_an_answer_that_is_too_large_is_given_up(
    server: TrytonServer, lying: LyingTryton, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tryton_server, "_MAX_BODY_BYTES", 1000)
    lying.answers = [Answer(body=b" " * 1001)]

    with pytest.raises(ErpUnavailable, match="larger"):
        server.call(METHOD)


def test_an_answer_that_takes_too_long_is_given_up(
    server: TrytonServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.call(METHOD)
    monkeypatch.setattr(tryton_server, "_TOTAL_SECONDS", -1.0)

    with pytest.raises(ErpUnavailable, match="longer"):
        server.call(METHOD)


@pytest.mark.parametrize("url", ["", "tryton", "ftp://tryton.example", "http://"])
def test_an_address_that_is_none_is_named(url: str) -> None:
    with pytest.raises(ConfigurationError, match="url"):
        TrytonServer(url, "store", Login("orders_sync", "secret"))


def test_a_server_that_is_away_is_unavailable() -> None:
    nobody = f"http://127.0.0.1:{free_port()}"

    with (
        closing(TrytonServer(nobody, "store", Login("orders_sync", "secret"))) as server,
        pytest.raises(ErpUnavailable, match="does not answer"),
    ):
        server.call(METHOD)


@pytest.mark.parametrize("missing", ["url", "database", "user", "password"])
def test_an_option_that_is_missing_is_named(tmp_path: Path, missing: str) -> None:
    options = dict.fromkeys(("url", "database", "user", "password"), "http://tryton.example")

    for value in (None, "", 1):
        with pytest.raises(ConfigurationError, match=missing):
            TrytonErp("mystore", {**options, missing: value}, tmp_path)


@pytest.mark.parametrize(
    ("answer", "raised", "words"),
    [
        ({"refused": "unmapped", "sku": "77"}, ItemUnmapped, "77"),
        ({"refused": "quantity", "sku": "77", "unit": "kg"}, ErpRefused, "kg"),
        ({"refused": "currency", "currency": "XTS"}, ErpRefused, "XTS"),
        ({"refused": "account"}, ErpRefused, "mystore"),
        ({"refused": "unknown"}, ErpRefused, "does not have"),
        ({"refused": "tryton", "kind": "AccountError"}, ErpRefused, "AccountError"),
        ({"refused": "tomorrow"}, ErpRefused, "tomorrow"),
    ],
)
def test_a_refusal_is_told_in_words_of_ours(
    lying: LyingTryton, tmp_path: Path, answer: dict[str, str], raised: type[Exception], words: str
) -> None:
    options = {"url": lying.url, "database": "store", "user": "orders_sync", "password": "secret"}
    lying.answers = [Answer(body=json.dumps({"id": 1, "result": answer}).encode())]

    with (
        closing(TrytonErp("mystore", options, tmp_path)) as erp,
        pytest.raises(raised, match=words),
    ):
        erp.place_order(make_order())


def test_a_module_of_another_release_is_named(lying: LyingTryton, tmp_path: Path) -> None:
    options = {"url": lying.url, "database": "store", "user": "orders_sync", "password": "secret"}
    look = {"version": 2, "missing": None}
    lying.answers = [Answer(body=json.dumps({"id": 1, "result": look}).encode())]

    with (
        closing(TrytonErp("mystore", options, tmp_path)) as erp,
        pytest.raises(ConfigurationError, match="one release"),
    ):
        erp.check()
