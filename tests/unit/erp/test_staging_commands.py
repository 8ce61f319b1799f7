"""What the ERP's people write into `erp_commands` is offered as they wrote it."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError
from unit.erp.erp_sql import ErpSql, MakeStaging

from orders_sync.commands.invoice import InvoiceBody
from orders_sync.domain.commands import Command
from orders_sync.erp.staging import StagingErp
from orders_sync.erp.staging_commands import as_command
from orders_sync.erp.staging_tables import ERP_COMMANDS

ORDER_ID = "1300000000001-01"
PLAINEST = "INSERT INTO erp_commands (account, order_id, kind, body) VALUES (:a, :o, :k, :b)"

#: SQLite takes any value for any column.
on_sqlite = pytest.mark.parametrize("erp_database", ["sqlite"], indirect=True)


def write(sql: ErpSql, **columns: Any) -> None:
    """Write a row; columns that are left out are the database's to fill."""
    row = {"account": "mystore", "order_id": ORDER_ID, "kind": "track", **columns}
    marks = ", ".join(f":{name}" for name in row)
    sql.execute(f"INSERT INTO erp_commands ({', '.join(row)}) VALUES ({marks})", **row)  # noqa: S608 -- names of the test's own


def pull(erp: StagingErp) -> list[Command]:
    return list(erp.pull(None).rows)


def test_the_plainest_insert_is_a_command(staging: StagingErp, sql: ErpSql) -> None:
    sql.execute(PLAINEST, a="mystore", o=ORDER_ID, k="note", b='{"message": "Olá"}')

    commands = pull(staging)

    assert commands == [Command("note", ORDER_ID, {"message": "Olá"}, "erp-1")]
    look = "SELECT state FROM erp_commands WHERE created_at IS NOT NULL"
    assert sql.execute(look).scalars().all() == ["new"]


@pytest.mark.parametrize(
    ("columns", "body"),
    [
        pytest.param(
            {
                "kind": "invoice",
                "invoice_number": "NF-1",
                "value_cents": 5_000_000_000,
                "issued_at": "2026-11-27 12:00:00",
                "access_key": "3526",
                "invoice_url": "https://erp.example/nf/1",
                "courier": "Ipê",
                "tracking_number": "BR1",
                "tracking_url": "https://ipe.example/BR1",
                "dispatched_at": "2026-11-27T10:00:00-03:00",
            },
            {
                "number": "NF-1",
                "value_cents": 5_000_000_000,
                "issued_at": "2026-11-27T12:00:00+00:00",
                "access_key": "3526",
                "url": "https://erp.example/nf/1",
                "courier": "Ipê",
                "tracking_number": "BR1",
                "tracking_url": "https://ipe.example/BR1",
                "dispatched_at": "2026-11-27T13:00:00+00:00",
            },
            id="invoice",
        ),
        pytest.param(
            {"invoice_number": "NF-1", "tracking_number": "BR1"},
            {"invoice_number": "NF-1", "tracking_number": "BR1"},
            id="track names its invoice",
        ),
        pytest.param(
            {"invoice_number": "NF-1", "delivered_at": "2026-11-27 12:00:00.5"},
            {
                "invoice_number": "NF-1",
                "delivered_at": "2026-11-27T12:00:00.500000+00:00",
                "delivered": True,
            },
            id="a time of delivery says delivered",
        ),
        pytest.param({"kind": "cancel", "reason": "None left"}, {"reason": "None left"}, id="why"),
        pytest.param({"kind": "note", "message": "Hi"}, {"message": "Hi"}, id="note"),
        pytest.param({"kind": "sync"}, {}, id="nothing but the order"),
        pytest.param({"kind": "sync", "body": " ", "courier": ""}, {}, id="empty texts"),
        pytest.param(
            {"body": '{"courier": "A", "events": []}', "courier": "B"},
            {"courier": "B", "events": []},
            id="a column wins over the body",
        ),
        pytest.param(
            {"kind": "invoice", "value_cents": 0}, {"value_cents": 0}, id="nought is a value"
        ),
    ],
)
def test_columns_stand_for_fields_of_the_body(
    columns: dict[str, Any],
    body: dict[str, Any],
    staging: StagingErp,
    sql: ErpSql,
    erp_database: str,
) -> None:
    if erp_database == "mariadb" and columns.keys() & {"dispatched_at", "delivered_at"}:
        pytest.skip("A DATETIME has neither a zone nor a fraction.")
    write(sql, **columns)

    commands = pull(staging)

    assert commands == [Command(columns.get("kind", "track"), ORDER_ID, body, "erp-1")]


@pytest.mark.parametrize(
    ("columns", "command"),
    [
        pytest.param(
            {"body": "{number: 1}"}, Command("track", ORDER_ID, "{number: 1}"), id="no JSON"
        ),
        pytest.param({"body": "[" * 100_000}, Command("track", ORDER_ID, "[" * 100_000), id="deep"),
        pytest.param({"body": "[1]"}, Command("track", ORDER_ID, [1]), id="no object"),
        pytest.param({"kind": "refund"}, Command("refund", ORDER_ID, {}), id="unknown kind"),
        pytest.param({"order_id": ""}, Command("track", "", {}), id="no order"),
        pytest.param(
            {"kind": "TRACK  ", "order_id": f"{ORDER_ID} "},
            Command("track", ORDER_ID, {}),
            id="padded and in capitals",
        ),
        pytest.param(
            {"body": "'); DROP TABLE erp_commands; --"},
            Command("track", ORDER_ID, "'); DROP TABLE erp_commands; --"),
            id="SQL",
        ),
    ],
)
def test_rubbish_is_offered_as_it_is_and_hides_no_other_row(
    columns: dict[str, Any], command: Command, staging: StagingErp, sql: ErpSql
) -> None:
    offer_between_others(columns, command, staging, sql)


@on_sqlite
@pytest.mark.parametrize(
    ("columns", "command"),
    [
        pytest.param(
            {"body": b"\xff{", "reason": "x"}, Command("track", ORDER_ID, "\ufffd{"), id="bytes"
        ),
        pytest.param(
            {"value_cents": "12,50", "issued_at": "27/11/2026"},
            Command("track", ORDER_ID, {"value_cents": "12,50", "issued_at": "27/11/2026"}),
            id="what its column is not for",
        ),
    ],
)
def test_rubbish_that_only_sqlite_lets_stand_hides_no_other_row(
    columns: dict[str, Any], command: Command, staging: StagingErp, sql: ErpSql
) -> None:
    offer_between_others(columns, command, staging, sql)


def offer_between_others(
    columns: dict[str, Any], command: Command, staging: StagingErp, sql: ErpSql
) -> None:
    write(sql, command_key="before")
    write(sql, command_key="rubbish", **columns)
    write(sql, command_key="after")

    before, rubbish, after = pull(staging)

    assert (before.key, after.key) == ("before", "after")
    assert (rubbish.kind, rubbish.order_id, rubbish.body) == (
        command.kind,
        command.order_id,
        command.body,
    )


@on_sqlite
def test_text_in_another_encoding_hides_no_other_row(staging: StagingErp, sql: ErpSql) -> None:
    write(sql, reason="before")
    sql.execute("UPDATE erp_commands SET reason = CAST(x'4CE1' AS TEXT)")
    write(sql, reason="after")

    commands = pull(staging)

    assert [command.body for command in commands] == [{"reason": "L\ufffd"}, {"reason": "after"}]


@pytest.mark.parametrize(
    "columns",
    [
        pytest.param({"state": "NEW"}, id="a state there is not"),
        pytest.param({"kind": None}, id="no kind"),
        pytest.param({"account": None}, id="no account"),
        pytest.param({"command_key": "erp-7"}, id="a key that is made from ids"),
        pytest.param({"issued_at": "infinity"}, id="a time past all"),
    ],
)
def test_what_nobody_could_ever_answer_is_refused_by_the_database(
    columns: dict[str, Any], sql: ErpSql, erp_database: str
) -> None:
    if erp_database == "mariadb" and "state" in columns:
        pytest.skip("It compares texts without case.")
    with pytest.raises(DBAPIError):
        write(sql, **columns)


def test_a_key_is_unique_within_its_account_where_it_is_given(
    staging: StagingErp, sql: ErpSql
) -> None:
    write(sql, command_key="K")
    write(sql, command_key="K", account="other")
    write(sql)
    write(sql)

    with pytest.raises(DBAPIError):
        write(sql, command_key="K")

    assert [command.key for command in pull(staging)] == ["K", "erp-3", "erp-4"]


def test_an_account_is_offered_its_own_commands_only(
    staging: StagingErp, make_staging: MakeStaging, sql: ErpSql
) -> None:
    write(sql, account="other", order_id="2-01")
    write(sql, order_id="1-01")

    pulled = [pull(staging), pull(make_staging("other"))]

    assert [[command.order_id for command in commands] for commands in pulled] == [
        ["1-01"],
        ["2-01"],
    ]


def test_a_page_holds_the_hundred_oldest_whatever_the_cursor(
    staging: StagingErp, sql: ErpSql
) -> None:
    for _ in range(101):
        write(sql)

    page = staging.pull("57")

    assert [command.key for command in page.rows] == [f"erp-{row}" for row in range(1, 101)]
    assert page.cursor is None


def test_an_id_is_not_given_again_after_its_row_was_deleted(
    staging: StagingErp, sql: ErpSql
) -> None:
    write(sql)
    sql.execute("DELETE FROM erp_commands")
    write(sql)

    commands = pull(staging)

    assert [command.key for command in commands] == ["erp-2"]


def test_values_of_other_databases_become_what_json_has() -> None:
    brasilia = timezone(timedelta(hours=-3))
    empty = dict.fromkeys(ERP_COMMANDS.c.keys())
    row = {
        **empty,
        "id": 7,
        "order_id": ORDER_ID,
        "kind": "invoice",
        "body": {"type": "Output"},
        "issued_at": datetime(2026, 11, 27, 9, tzinfo=brasilia),
        "delivered_at": datetime.max.replace(tzinfo=brasilia),
    }

    bodies = [as_command({**row, "value_cents": Decimal(cents)}).body for cents in ("5.00", "0.5")]

    assert [body["value_cents"] for body in bodies] == [5, "0.5"]
    assert bodies[0]["type"] == "Output"
    assert bodies[0]["issued_at"] == "2026-11-27T12:00:00+00:00"
    assert bodies[0]["delivered_at"] == "9999-12-31 23:59:59.999999-03:00"


def read_column(name: str, value: Any) -> Any:
    row = {**dict.fromkeys(ERP_COMMANDS.c.keys()), "id": 7, "order_id": ORDER_ID, "kind": "invoice"}
    return as_command({**row, name: value}).body[name]


@pytest.mark.parametrize("column", ["issued_at", "dispatched_at", "delivered_at"])
@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param("2026-11-29", "2026-11-29", id="a day"),
        pytest.param(date(2026, 11, 29), "2026-11-29", id="a DATE"),
        pytest.param(20261129, "20261129", id="a number"),
        pytest.param("20261129T153000", "20261129T153000", id="without its signs"),
        pytest.param("2026-W48-7", "2026-W48-7", id="a day of a week"),
        pytest.param("2026-W48-7T10:00", "2026-W48-7T10:00", id="a time in a week"),
        pytest.param("2026-11-29T15", "2026-11-29T15", id="an hour without minutes"),
        pytest.param("2026-13-29 10:00", "2026-13-29 10:00", id="a month there is not"),
    ],
)
def test_what_has_no_day_and_time_of_day_is_left_for_the_check_of_the_body(
    value: Any, text: str, column: str
) -> None:
    read = read_column(column, value)

    assert read == text
    with pytest.raises(ValidationError, match="such as 2026-11-29T15:30:00-03:00"):
        InvoiceBody.model_validate({"number": "A1", "issued_at": read})


@pytest.mark.parametrize(
    ("text", "read"),
    [
        pytest.param("2026-11-29 15:30", "2026-11-29T15:30:00+00:00", id="no seconds"),
        pytest.param("2026-11-29t15:30:00z", "2026-11-29T15:30:00+00:00", id="small letters"),
        pytest.param("2026-11-29 15:30:00-03", "2026-11-29T18:30:00+00:00", id="an hour's offset"),
        pytest.param(
            "2026-11-29 15:30:00.1234567", "2026-11-29T15:30:00.123456+00:00", id="SQL Server's"
        ),
    ],
)
def test_a_day_with_its_time_of_day_is_told_in_utc(text: str, read: str) -> None:
    assert read_column("issued_at", text) == read


@pytest.mark.parametrize("number", ["Infinity", "-Infinity", "NaN", "sNaN", "1E+5000", "0.5"])
def test_a_number_that_is_no_amount_of_cents_is_refused_by_itself(number: str) -> None:
    read = read_column("value_cents", Decimal(number))

    assert read == number
    with pytest.raises(ValidationError, match="value_cents"):
        InvoiceBody.model_validate({"number": "A1", "value_cents": read})


def test_a_whole_number_is_cents_however_it_is_scaled() -> None:
    cents = [read_column("value_cents", Decimal(text)) for text in ("0E-8", "1.5E+3", "9E+18")]

    assert cents == [0, 1500, 9 * 10**18]


@on_sqlite
@pytest.mark.parametrize("number", ["9e999", "-9e999"])
def test_a_real_without_end_hides_no_other_row(
    number: str, staging: StagingErp, sql: ErpSql
) -> None:
    write(sql, kind="invoice", invoice_number="A1")
    sql.execute(f"UPDATE erp_commands SET value_cents = {number}")  # noqa: S608 -- the test's own
    write(sql, command_key="after")

    odd, after = pull(staging)

    assert after.key == "after"
    with pytest.raises(ValidationError, match="value_cents"):
        InvoiceBody.model_validate(odd.body)
