"""A character that the ERP's database cannot hold costs no order and no answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text
from support.mariadb import MariadbServer
from support.postgres import PostgresServer

from orders_sync.domain.commands import Command, Outcome
from orders_sync.erp.staging import StagingErp
from orders_sync.erp.staging_database import fitted
from orders_sync.testing.factories import make_line, make_order

ORDER_ID = "1300000000001-01"
NAMES = ("Joana d\u2019Arc", "Zoë \U0001f600", "\u5317\u4eac", "half \ud800", "nul\0l")
DOCUMENT = '{"firstName":  "Joana d\u2019Arc \U0001f600"}'.encode()

KEPT_WHOLE = ("Joana d\u2019Arc", "Zoë \U0001f600", "\u5317\u4eac", "half ?", "nul?l")

#: Encodings: what becomes of the names there.
KEPT = {
    "postgresql-LATIN1": ("Joana d'Arc", "Zoë ?", "??", "half ?", "nul?l"),
    "postgresql-WIN1252": ("Joana d\u2019Arc", "Zoë ?", "??", "half ?", "nul?l"),
    "postgresql-KOI8R": ("Joana d'Arc", "Zoe ?", "??", "half ?", "nul?l"),
    "postgresql-SQL_ASCII": KEPT_WHOLE,
    "postgresql-UTF8": KEPT_WHOLE,
    "mariadb-latin1": ("Joana d\u2019Arc", "Zoë ?", "??", "half ?", "nul?l"),
    "mariadb-ascii": ("Joana d'Arc", "Zoe ?", "??", "half ?", "nul?l"),
    "mariadb-utf8mb3": ("Joana d\u2019Arc", "Zoë ?", "\u5317\u4eac", "half ?", "nul?l"),
    "mariadb-utf8mb4": KEPT_WHOLE,
    "sqlite-UTF8": KEPT_WHOLE,
}


@pytest.fixture(params=list(KEPT))
def encoding(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(encoding: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give the URL of an empty database in the encoding."""
    kind, _, name = encoding.partition("-")
    if kind == "sqlite":
        yield f"sqlite:///{tmp_path / 'erp.sqlite3'}"
        return
    server: PostgresServer | MariadbServer = request.getfixturevalue(
        "postgres" if kind == "postgresql" else "mariadb"
    )
    if isinstance(server, PostgresServer):
        database = server.create(encoding=name)
    else:
        database = server.create(name)
    yield server.url(database)
    server.drop(database)


@pytest.fixture
def erp(url: str, tmp_path: Path) -> Iterator[StagingErp]:
    with closing(StagingErp("mystore", {"url": url}, tmp_path)) as erp:
        yield erp


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    is_postgresql = url.startswith("postgresql")
    engine = create_engine(f"{url}&client_encoding=utf8" if is_postgresql else url)
    yield engine
    engine.dispose()


def test_an_order_is_placed_with_a_near_letter_and_its_document_byte_for_byte(
    erp: StagingErp, engine: Engine, encoding: str
) -> None:
    order = make_order(ORDER_ID, lines=[make_line(0, name=NAMES[1])], document=DOCUMENT)
    first, last, city, street, receiver = NAMES
    customer = replace(order.customer, first_name=first, last_name=last)
    assert order.address is not None
    address = replace(order.address, city=city, street=street, receiver=receiver)

    receipt = erp.place_order(replace(order, customer=customer, address=address))
    again = erp.place_order(replace(order, customer=customer, address=address))

    with engine.connect() as connection:
        columns = "customer_first_name, customer_last_name, ship_city, ship_street, ship_receiver"
        [row] = connection.execute(text(f"SELECT {columns} FROM erp_orders"))  # noqa: S608
        [(document,)] = connection.execute(text("SELECT document FROM erp_orders"))
        [(name,)] = connection.execute(text("SELECT name FROM erp_order_lines"))
    assert tuple(row) == KEPT[encoding]
    assert bytes(document) == DOCUMENT
    assert name == KEPT[encoding][1]
    assert again == receipt


def test_an_answer_and_a_cancellation_are_written(
    erp: StagingErp, engine: Engine, encoding: str
) -> None:
    erp.place_order(make_order(ORDER_ID))
    insert = "INSERT INTO erp_commands (account, order_id, kind) VALUES ('mystore', :id, 'sync')"
    with engine.begin() as connection:
        connection.execute(text(insert), {"id": ORDER_ID})

    erp.answer(Command("sync", ORDER_ID, {}, "erp-1"), Outcome("refused", NAMES[0], NAMES[1]))
    erp.cancel_order(ORDER_ID, NAMES[0])

    with engine.connect() as connection:
        answer = connection.execute(text("SELECT state, answer, receipt FROM erp_commands")).one()
        [(reason,)] = connection.execute(text("SELECT cancel_reason FROM erp_orders"))
    assert tuple(answer) == ("refused", *KEPT[encoding][:2])
    assert reason == KEPT[encoding][0]


def test_an_encoding_that_python_does_not_know_replaces_nothing(
    mariadb: MariadbServer, tmp_path: Path
) -> None:
    database = mariadb.create("hp8")
    with closing(StagingErp("mystore", {"url": mariadb.url(database)}, tmp_path)) as erp:
        erp.place_order(make_order(ORDER_ID))
    mariadb.drop(database)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("plain", "plain"),
        ("\u201cquoted\u201d \u2013 \u2026", '"quoted" - .'),
        ("\u0151 \ufb01", "o f"),
        ("\u20ac5", "?5"),
    ],
)
def test_a_near_letter_is_taken_and_the_length_stays(before: str, after: str) -> None:
    assert fitted(before, ["iso8859-1"]) == after
    assert len(after) == len(before)
