from __future__ import annotations

import io
import json
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Literal

import pytest
import sqlalchemy as sa
import structlog
from pydantic import BaseModel, ValidationError

from orders_sync.errors import ErpRefused, ErpUnavailable
from orders_sync.logging import configure_logging

NAME = "João Nepomuceno"
BODY = {"order_id": "1-01", "invoice": {"customer": NAME}}

Format = Literal["json", "console"]
Level = Literal["debug", "warning"]
Configure = Callable[[Format, Level], io.StringIO]
Lines = Callable[[], list[dict[str, Any]]]


class Order(BaseModel):
    quantity: int


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    loggers = [logging.getLogger(), *map(logging.getLogger, logging.Logger.manager.loggerDict)]
    before = [(logger, logger.level) for logger in loggers]
    handlers = logging.getLogger().handlers
    yield
    logging.getLogger().handlers = handlers
    for logger, level in before:
        logger.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Configure:
    def configure(log_format: Format, level: Level) -> io.StringIO:
        output = io.StringIO()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", output)
            configure_logging(log_format, level)
        return output

    return configure


@pytest.fixture
def lines(configure: Configure) -> Lines:
    output = configure("json", "debug")
    return lambda: [json.loads(line) for line in output.getvalue().splitlines()]


def raise_refused_value() -> None:
    Order.model_validate({"quantity": NAME})


def raise_refused_row() -> None:
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT :name FROM nowhere"), {"name": NAME})


def raise_missing_key() -> None:
    local = NAME
    {}[local]  # type: ignore[index]


def raise_after_a_refusal() -> None:
    raise KeyError from ErpRefused(f"{NAME} owes us money.")


def raise_from_another() -> None:
    try:
        raise_refused_value()
    except ValidationError as error:
        raise RuntimeError(NAME) from error


def test_a_line_of_ours_is_one_json_object_with_its_fields(lines: Lines) -> None:
    with structlog.contextvars.bound_contextvars(order_id="1-01"):
        structlog.get_logger("orders_sync.x").info("order.fetched", seconds=0.5)

    (line,) = lines()
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "order.fetched",
        "level": "info",
        "logger": "orders_sync.x",
        "order_id": "1-01",
        "seconds": 0.5,
    }


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_line_holds_nothing_that_a_terminal_obeys(
    log_format: Format, configure: Configure
) -> None:
    output = configure(log_format, "debug")
    odd = "\x1b]8;;http://x\x07 \u202e \x9b2J \u2028 João"

    structlog.get_logger("orders_sync.x").info("order.parked", order_id=odd, ids=[odd])

    line = output.getvalue().removesuffix("\n")
    assert line.isprintable()
    assert "João" in line
    if log_format == "json":
        assert json.loads(line)["order_id"] == odd


@pytest.mark.parametrize(
    "fail",
    [
        raise_refused_value,
        raise_refused_row,
        raise_missing_key,
        raise_from_another,
        raise_after_a_refusal,
    ],
)
@pytest.mark.parametrize("log_format", ["json", "console"])
def test_an_exception_shows_where_it_was_raised_and_nothing_that_it_quotes(
    fail: Callable[[], None],
    log_format: Format,
    configure: Configure,
) -> None:
    output = configure(log_format, "debug")

    try:
        fail()
    except Exception:
        structlog.get_logger("orders_sync.x").exception("step.broken")
        logging.getLogger("library").exception("It broke")

    written = output.getvalue()
    assert written.count(fail.__name__) >= 2
    assert NAME not in written
    assert "quantity" not in written


def test_what_led_to_an_exception_is_shown_too(lines: Lines) -> None:
    try:
        raise_from_another()
    except RuntimeError:
        structlog.get_logger("orders_sync.x").exception("step.broken")

    (line,) = lines()
    kinds = [part.split()[0] for part in line["exception"].split(" << ")]
    assert kinds == ["RuntimeError", "ValidationError"]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        pytest.param(ErpUnavailable("It sleeps."), "ErpUnavailable: It sleeps.", id="ours"),
        pytest.param(
            ConnectionRefusedError(111, "Connection refused"), "Connection refused", id="system"
        ),
    ],
)
def test_texts_that_carry_no_personal_data_are_shown(
    lines: Lines, error: Exception, words: str
) -> None:
    logging.getLogger("celery.x").error("It failed: %r", error, exc_info=error)

    (line,) = lines()
    assert words in line["event"]
    assert words in line["exception"]


@pytest.mark.parametrize(
    ("logger", "template", "arguments"),
    [
        pytest.param(
            "celery.worker.consumer.consumer",
            "Received unregistered task of type %s.\nThe full contents was:\n%s",
            (KeyError("orders_sync.invoize"), json.dumps(BODY)),
            id="a task that nobody knows",
        ),
        pytest.param(
            "celery.worker.consumer.consumer",
            "Received and deleted unknown message.  Wrong destination?!?\n%s",
            (f"body: {BODY}",),
            id="no task at all",
        ),
        pytest.param(
            "celery.worker.consumer.consumer",
            "Can't decode message body: %r [type:%r encoding:%r headers:%s]\n\nbody: %s",
            (ValueError(NAME), "text", "utf-8", {}, NAME),
            id="no JSON",
        ),
        pytest.param(
            "celery.worker.strategy",
            "Couldn't convert ETA %r to timestamp: %r. Task: %r",
            ("x", ValueError(NAME), BODY),
            id="an ETA that is none",
        ),
        pytest.param(
            "celery.app.trace",
            "Task %(name)s[%(id)s] %(description)s: %(exc)s",
            (
                {
                    "name": "orders.fetch",
                    "id": "orders.fetch/1-01",
                    "description": "raised unexpected",
                    "exc": repr(KeyError(NAME)),
                    "args": f"({NAME!r})",
                },
            ),
            id="a task that failed",
        ),
        pytest.param(
            "kombu.transport.redis", "Could not restore message: %r", (BODY,), id="not restored"
        ),
        pytest.param("library", "Got %r", (BODY,), id="any object"),
        pytest.param("library", "Got %s", (f"{NAME} " * 20,), id="a long text"),
        pytest.param("library", f"Got {NAME} " * 20, (), id="a long text without arguments"),
        pytest.param("library", "Got %r", (KeyError(NAME),), id="an exception"),
        pytest.param("library", "Got %(it)s", ({"it": [NAME]},), id="named arguments"),
    ],
)
def test_what_a_library_quotes_stays_out_of_the_log(
    lines: Lines, logger: str, template: str, arguments: tuple[Any, ...]
) -> None:
    logging.getLogger(logger).error(template, *arguments)

    (line,) = lines()
    assert line["event"]
    assert "João" not in json.dumps(line, ensure_ascii=False)


def test_a_rejected_message_keeps_the_name_of_its_task(lines: Lines) -> None:
    logging.getLogger("celery.worker.consumer.consumer").error(
        "Received unregistered task of type %s.\n%s", KeyError("orders_sync.invoize"), BODY
    )

    (line,) = lines()
    assert "orders_sync.invoize" in line["event"]


def test_a_failed_task_keeps_its_name_its_id_and_the_place(lines: Lines) -> None:
    context = {"name": "orders.fetch", "id": "fetch/1-01", "description": "raised unexpected"}

    try:
        raise_missing_key()
    except KeyError:
        logging.getLogger("celery.app.trace").exception("%(name)s", context)

    (line,) = lines()
    assert line["event"] == "Task orders.fetch[fetch/1-01] raised unexpected."
    assert "raise_missing_key" in line["exception"]


def test_lines_of_libraries_that_carry_names_and_numbers_are_left_whole(lines: Lines) -> None:
    logging.getLogger("celery.worker").info("%s ready, %d threads.", "worker1@host", 10)

    (line,) = lines()
    assert line["event"] == "worker1@host ready, 10 threads."


def test_a_warning_shows_its_place_and_category(lines: Lines) -> None:
    logging.captureWarnings(capture=True)

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn(f"Expected int, input_value={NAME!r}", UserWarning, stacklevel=1)
    finally:
        logging.captureWarnings(capture=False)

    (line,) = lines()
    assert "UserWarning" in line["event"]
    assert "test_logging.py" in line["event"]
    assert NAME not in line["event"]


@pytest.mark.parametrize(
    "logger",
    [
        "sqlalchemy.engine.Engine",
        "urllib3.connectionpool",
        "kombu.pidbox",
        "alembic.runtime.migration",
        "celery.worker.strategy",
        "celery.app.trace",
        "celery.beat",
    ],
)
def test_libraries_do_not_chat_even_while_we_debug(lines: Lines, logger: str) -> None:
    logging.getLogger(logger).info("row: %s", NAME)
    logging.getLogger(logger).warning("trouble")

    assert [line["event"] for line in lines()] == ["trouble"]


def test_the_level_holds_for_our_own_lines(configure: Configure) -> None:
    output = configure("json", "warning")

    structlog.get_logger("orders_sync.x").info("step.done")
    structlog.get_logger("orders_sync.x").warning("step.failed")
    logging.getLogger("celery.worker").info("ready")

    events = [json.loads(line)["event"] for line in output.getvalue().splitlines()]
    assert events == ["step.failed"]


def test_of_an_object_that_is_logged_only_its_type_is_shown(lines: Lines) -> None:
    structlog.get_logger("orders_sync.x").info("step.done", of=Order(quantity=7431))

    (line,) = lines()
    assert line["of"] == "Order"
