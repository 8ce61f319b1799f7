from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.ingest import ingesting
from support.office import Office
from support.shop import STORE, Shop
from support.waiting import until

from orders_sync.commands.acceptance import read_body

ORDER = "1172452900788-01"
RIO = ["--city", "Rio", "--state", "RJ"]


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        pytest.param(
            ["invoice", ORDER, "--number", "000123", "--value-cents", "11270", "--type", "Output"],
            {"number": "000123", "type": "Output", "value_cents": 11270},
            id="an invoice",
        ),
        pytest.param(
            ["invoice", ORDER, "--number", "1", "--tracking-number", "BR1", "--courier", "Ipê"],
            {"number": "1", "type": "Output", "courier": "Ipê", "tracking_number": "BR1"},
            id="an invoice with tracking",
        ),
        pytest.param(
            ["track", ORDER, "--invoice", "1", "--tracking-number", "BR1"],
            {"invoice_number": "1", "tracking_number": "BR1", "events": [], "delivered": False},
            id="tracking",
        ),
        pytest.param(
            ["track", ORDER, "--invoice", "1", "--event", "Saiu", "--date", "2026-11-27", *RIO],
            {
                "invoice_number": "1",
                "events": [
                    {"city": "Rio", "state": "RJ", "description": "Saiu", "date": "2026-11-27"}
                ],
                "delivered": False,
            },
            id="a tracking event",
        ),
        pytest.param(["cancel", ORDER, "--reason", "fraud"], {"reason": "fraud"}, id="a cancel"),
        pytest.param(["deny", ORDER, "--reason", "packed"], {"reason": "packed"}, id="a denial"),
        pytest.param(
            ["note", ORDER, "--message", "call us"],
            {"message": "call us", "source": "ERP"},
            id="a note",
        ),
    ],
)
def test_what_is_asked_for_is_kept_and_named(
    shop: Shop, arguments: list[str], body: dict[str, object]
) -> None:
    answer = shop.answers(*arguments)

    row = shop.command(answer["command_id"])
    assert read_body(row["kind"], json.loads(row["body"])) == read_body(row["kind"], body)
    assert (row["account"], row["order_id"], row["source"]) == (STORE, ORDER, "cli")
    assert (row["standing"], row["outcome"]) == ("active", "accepted")


def test_a_person_reads_the_command_and_how_to_see_it(shop: Shop) -> None:
    lines = shop.prints("cancel", ORDER, "--reason", "fraud").splitlines()

    [command] = shop.ledger.inquiries.list_commands()
    assert lines[0] == f"The cancellation of order {ORDER} is accepted: command {command['id']}"
    assert lines[1].endswith(f"orders-sync orders show {ORDER} --account {STORE}")


def test_the_same_again_is_the_same_command(shop: Shop) -> None:
    first = shop.answers("invoice", ORDER, "--number", "7")
    second = shop.answers("invoice", ORDER, "--number", "7")

    assert first["command_id"] == second["command_id"]
    assert (first["is_new"], second["is_new"]) == (True, False)


def test_the_same_key_with_other_content_is_refused_and_kept(shop: Shop) -> None:
    first = shop.answers("note", ORDER, "--message", "one", "--key", "k")["command_id"]

    result = shop.types("note", ORDER, "--message", "two", "--key", "k")

    [kept] = [row for row in shop.ledger.inquiries.list_commands() if row["id"] != first]
    assert result.exit_code == 1
    assert f"key: 'k' is command {first}" in result.stderr
    assert f"orders-sync parked show {kept['id']}" in result.stderr
    assert result.stdout == ""


def test_fields_come_from_a_file_and_options_on_top(shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "invoice.json"
    file.write_text('﻿{"number": "1", "items": [{"sku": "5", "quantity": 2}]}', "utf-8")

    answer = shop.answers("invoice", ORDER, "--number", "2", "--file", str(file))

    body = json.loads(shop.command(answer["command_id"])["body"])
    assert (body["number"], body["items"]) == ("2", [{"sku": "5", "quantity": 2}])


@pytest.mark.parametrize(
    ("stdin", "words"),
    [
        pytest.param("{", "--file is not JSON: Expecting property name", id="not JSON"),
        pytest.param("[1]", "must be a JSON object with the fields, and is a list", id="a list"),
        pytest.param("[" * 100_000, "--file is not JSON", id="too deep"),
        pytest.param("{}", "number: is missing", id="a missing field"),
        pytest.param(
            '{"number": 1.5}', "number: Input should be a valid string", id="a wrong type"
        ),
        pytest.param('{"number": "1", "nmber": 1}', "nmber: Extra inputs", id="an unknown field"),
        pytest.param('{"number": "/"}', "number: a letter or a digit of A to Z", id="a bad number"),
        pytest.param(
            json.dumps({"number": "1", "embedded_invoice": "x" * 2**20}),
            "ORDERS_SYNC_MAX_COMMAND_BYTES",
            id="too large",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line_and_not_kept(shop: Shop, stdin: str, words: str) -> None:
    result = shop.types("invoice", ORDER, "--file", "-", stdin=stdin)

    assert result.exit_code == 1
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert shop.ledger.inquiries.list_commands() == []


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["cancel", ORDER], id="no reason"),
        pytest.param(["invoice", ORDER, "--file", "/no/such/file"], id="no such file"),
        pytest.param(["track", ORDER, "--invoice", "1", *RIO], id="a city of nothing"),
        pytest.param(["track", ORDER, "--invoice", "1", "--event", "x"], id="an event nowhere"),
    ],
)
def test_wrong_usage_keeps_nothing(shop: Shop, arguments: list[str]) -> None:
    result = shop.types(*arguments)

    assert result.exit_code == 2
    assert shop.ledger.inquiries.list_commands() == []


def test_what_a_person_asked_for_is_in_the_operators_log(shop: Shop) -> None:
    command_id = shop.answers("cancel", ORDER, "--reason", "fraud")["command_id"]

    [act] = shop.ledger.inquiries.acts(STORE, ORDER)
    assert act["did"] == f"cancel {command_id}"


@pytest.mark.parametrize("kind", ["endless", "a pipe", "a huge file", "a folder", "nothing"])
@pytest.mark.parametrize("command", ["change", "invoice"])
def test_what_no_command_could_be_is_not_read(
    shop: Shop, tmp_path: Path, command: str, kind: str
) -> None:
    path = tmp_path / "body.json"
    match kind:
        case "endless":
            path = Path("/dev/zero")
        case "a pipe":
            os.mkfifo(path)
        case "a huge file":
            with path.open("wb") as file:
                file.truncate(2 * 1024**3)
        case "a folder":
            path.mkdir()

    result = shop.types(command, "1-01", "--account", "mystore", "--file", str(path))

    assert result.exit_code == 2
    assert "Invalid value for '--file'" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("end", "status", "words", "standing"),
    [
        pytest.param(Office.finish, 0, "Done: VTEX has it.", "done", id="done"),
        pytest.param(Office.park, 1, "Parked: no See: orders-sync", "parked", id="parked"),
    ],
)
@pytest.mark.parametrize("options", [[], ["--json"]], ids=["for people", "for programs"])
def test_it_waits_for_what_becomes_of_a_command(
    shop: Shop,
    office: Office,
    end: Callable[[Office, str], object],
    status: int,
    words: str,
    standing: str,
    options: list[str],
) -> None:
    office.clock.now = datetime.now(UTC) + timedelta(minutes=1)

    def work() -> None:
        until(lambda: bool(shop.ledger.inquiries.list_commands()))
        [command] = shop.ledger.inquiries.list_commands()
        end(office, command["id"])

    with ThreadPoolExecutor(1) as worker:
        working = worker.submit(work)
        result = shop.types("cancel", ORDER, "--reason", "fraud", "--wait", *options)
        working.result()

    assert result.exit_code == status
    if options:
        assert json.loads(result.stdout)["standing"] == standing
    else:
        assert words in result.output


def test_what_does_not_end_in_time_goes_on(shop: Shop) -> None:
    result = shop.types("cancel", ORDER, "--reason", "fraud", "--wait", "--timeout", "0s")

    assert result.exit_code == 1
    assert "Not done yet, and it goes on" in result.stderr
    assert shop.ledger.inquiries.list_commands()[0]["standing"] == "active"


def test_a_command_that_is_done_already_is_not_waited_for(shop: Shop, office: Office) -> None:
    done = shop.answers("note", ORDER, "--message", "call us")["command_id"]
    office.clock.now = datetime.now(UTC) + timedelta(minutes=1)
    office.finish(done)

    assert shop.answers("note", ORDER, "--message", "call us", "--wait")["standing"] == "done"


def test_a_refusal_is_told_to_programs_too(shop: Shop) -> None:
    result = shop.types("invoice", ORDER, "--file", "-", "--json", stdin="{}")

    answer = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (answer["command_id"], answer["is_new"]) == (None, False)
    assert "number: is missing" in answer["refusal"]


def test_a_commands_trace_begins_at_the_terminal(shop: Shop) -> None:
    with ingesting() as collector:
        shop.environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.url
        shop.prints("note", ORDER, "--message", "maria@example.com")
        [span], text = collector.spans(), collector.text()

    assert (span.name, span.facts["orders_sync.order_id"]) == ("command.accept", ORDER)
    assert "maria" not in text
