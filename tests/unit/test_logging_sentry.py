"""What of an error goes to Sentry, as a server on the loopback gets it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from redis.exceptions import ConnectionError as RedisAway
from support.ingest import Ingest, ingesting

from orders_sync.errors import ConfigurationError, LedgerUnavailable, Refused, Unavailable
from orders_sync.logging import configure_logging
from orders_sync.logging.sentry import Reporter, sentry_reporter

PERSON = "Maria da Silva, Rua das Flores 12, maria@example.com"


@pytest.fixture
def sentry() -> Iterator[Ingest]:
    with ingesting() as ingest:
        yield ingest


@pytest.fixture
def logged(sentry: Ingest) -> Iterator[list[Any]]:
    """Logging as workers have it, with a reporter whose client is closed at the end of a test."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    report: Any = sentry_reporter(sentry.url.replace("//", "//key@") + "/1", "tests")
    configure_logging("json", "info", report=report)
    yield [report]
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def sent(sentry: Ingest, logged: list[Any]) -> list[dict[str, Any]]:
    logged[0]._send.__self__.close(timeout=10)
    return sentry.events()


def crash(customer: str) -> None:
    greeting = f"Dear {customer}"
    raise ValueError(greeting)


def test_an_error_is_sent_with_its_place_and_ids_and_without_a_word_of_it(
    sentry: Ingest, logged: list[Any]
) -> None:
    try:
        crash(PERSON)
    except ValueError:
        structlog.get_logger("orders_sync.worker").exception(
            "task.crashed", account="shop", order_id="1-01", body=PERSON, note=PERSON
        )

    [event] = sent(sentry, logged)

    [error] = event["exception"]["values"]
    assert (error["type"], error["module"]) == ("ValueError", "builtins")
    assert [frame["function"] for frame in error["stacktrace"]["frames"]][-1] == "crash"
    assert event["tags"] == {"account": "shop", "order_id": "1-01", "event": "task.crashed"}
    assert event["environment"] == "tests"
    assert not [word for word in ("Maria", "Flores", "maria@", "Dear") if word in sentry.text()]


def test_a_librarys_error_is_sent_without_its_line(sentry: Ingest, logged: list[Any]) -> None:
    try:
        crash(PERSON)
    except ValueError:
        logging.getLogger("kombu").exception("it failed for %s", PERSON)

    [event] = sent(sentry, logged)

    assert event["tags"] == {"event": "other"}
    assert "Maria" not in sentry.text()


def test_what_led_to_an_error_is_sent_too(sentry: Ingest, logged: list[Any]) -> None:
    try:
        try:
            crash(PERSON)
        except ValueError as error:
            raise RuntimeError(PERSON) from error
    except RuntimeError:
        structlog.get_logger("orders_sync").exception("task.crashed")

    [event] = sent(sentry, logged)

    assert [e["type"] for e in event["exception"]["values"]] == ["ValueError", "RuntimeError"]


@pytest.mark.parametrize(
    "error",
    [
        Unavailable("VTEX is away"),
        LedgerUnavailable("the ledger is away"),
        Refused("OMS1", PERSON),
        RedisAway("the broker is away"),
        ConnectionResetError("gone"),
        SystemExit(1),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_is_ordinary_is_not_sent(
    sentry: Ingest, logged: list[Any], error: BaseException
) -> None:
    structlog.get_logger("orders_sync").error("task.failed", exc_info=error)

    assert sent(sentry, logged) == []


def test_celerys_repetition_of_what_we_logged_is_not_sent(
    sentry: Ingest, logged: list[Any]
) -> None:
    logging.getLogger("celery.app.trace").error("again", exc_info=ValueError())

    assert sent(sentry, logged) == []


def test_the_same_error_at_the_same_place_is_sent_once_a_minute() -> None:
    now = [0.0]
    events: list[Any] = []
    report = Reporter(events.append, timer=lambda: now[0])

    for second in (0, 1, 59, 61):
        now[0] = float(second)
        for error in (ValueError, KeyError):
            report(None, "error", {"exc_info": error()})

    assert len(events) == 4


def test_a_reporter_that_fails_keeps_nobody_from_logging() -> None:
    def fail(_: object) -> None:
        raise OSError

    event = {"event": "x", "exc_info": ValueError()}

    assert Reporter(fail)(None, "error", event) is event


def test_a_dsn_that_is_none_is_a_matter_of_configuration() -> None:
    with pytest.raises(ConfigurationError, match="ORDERS_SYNC_SENTRY__DSN is wrong") as caught:
        sentry_reporter("topsecret", "tests")

    assert "topsecret" not in str(caught.value)


def test_without_the_extra_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "sentry_sdk", None)

    with pytest.raises(ConfigurationError, match=r"orders-sync\[sentry\]"):
        sentry_reporter("https://key@sentry.example.com/1", "tests")
