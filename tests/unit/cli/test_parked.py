from __future__ import annotations

import json

import pytest
from support.office import ORDER, STORE, Office
from support.parking import CAUSE, parked_invoice, parked_order
from support.shop import Shop


def test_nothing_parked_is_said_in_words(shop: Shop) -> None:
    assert shop.prints("parked", "list") == "Nothing is parked.\n"


def test_the_list_shows_orders_and_commands_by_cause(shop: Shop, office: Office) -> None:
    first, second = parked_invoice(office, "7"), parked_invoice(office, "8")
    parked_order(office, "another-01")

    output = shop.prints("parked", "list")

    assert f"{CAUSE}: 2 parked\n" in output
    assert f"invoice {first} of order {ORDER} of {STORE}" in output
    assert f"invoice {second} of order {ORDER} of {STORE}" in output
    assert f"erp.item_unmapped: 1 parked\n  order another-01 of {STORE}" in output
    assert "    no product\n    map it\n" in output


def test_the_list_can_be_narrowed_and_counts_the_others(shop: Shop, office: Office) -> None:
    parked_invoice(office, "7")
    parked_invoice(office, "8")
    parked_order(office, "another-01")

    by_cause = shop.answers("parked", "list", "--cause", CAUSE, "--limit", "1")
    everything = shop.answers("parked", "list", "--account", STORE)

    assert [row["others"] for row in by_cause["commands"]] == [1]
    assert by_cause["orders"] == []
    assert (by_cause["causes"], everything["causes"]) == (
        {CAUSE: 2},
        {CAUSE: 2, "erp.item_unmapped": 1},
    )


def test_a_refused_command_is_shown_with_its_body_and_its_hint(shop: Shop, office: Office) -> None:
    command_id = office.ask("invoice", {"numbr": "7"}, "erp-7")

    output = shop.prints("parked", "show", command_id)
    answer = shop.answers("parked", "show", command_id)

    assert '"numbr": "7"' in output
    assert "reason: number: is missing; numbr: Extra inputs are not permitted" in output
    assert f"orders-sync parked edit {command_id}" in answer["hint"]
    assert (answer["asked_key"], answer["source"], answer["others"]) == ("erp-7", "erp", 0)


def test_an_order_is_shown_with_its_commands(shop: Shop, office: Office) -> None:
    command_id = parked_invoice(office)

    answer = shop.answers("parked", "show", ORDER)

    assert [row["id"] for row in answer["commands"]] == [command_id]
    assert answer["order"]["order_id"] == ORDER


def test_orders_and_commands_are_retried_together(shop: Shop, office: Office) -> None:
    command_id = parked_invoice(office)
    parked_order(office, "another-01")

    output = shop.prints("parked", "retry", command_id, "another-01", "--why", "mended")

    assert f"Retrying invoice {command_id} of order {ORDER} of {STORE}.\n" in output
    assert f"Retrying order another-01 of {STORE}.\n" in output
    assert shop.command(command_id)["standing"] == "active"
    assert shop.answers("orders", "list", "--standing", "parked")["orders"] == []
    assert [act["why"] for act in shop.ledger.inquiries.acts(STORE, "another-01")] == ["mended"]


def test_a_dry_run_retries_nothing(shop: Shop, office: Office) -> None:
    command_id = parked_invoice(office)

    output = shop.prints("parked", "retry", "--cause", CAUSE, "--dry-run")

    assert output == f"Would retry invoice {command_id} of order {ORDER} of {STORE}.\n"
    assert shop.command(command_id)["standing"] == "parked"


def test_a_cause_is_retried_as_far_as_it_can_be(shop: Shop, office: Office) -> None:
    wrong = office.ask("invoice", {"numbr": "7"})
    fine = office.ask("invoice", {"number": "7"})
    office.park(fine, "command.invalid")

    result = shop.types("parked", "retry", "--cause", "command.invalid", "--all", "--yes")

    assert result.exit_code == 1
    assert f"Command {wrong} was never accepted" in result.stderr
    assert shop.command(fine)["standing"] == "active"
    assert shop.command(wrong)["standing"] == "parked"


def test_single_fields_of_a_body_are_changed_and_removed(shop: Shop, office: Office) -> None:
    command_id = parked_invoice(office)

    shop.prints(
        "parked",
        "edit",
        command_id,
        "--set",
        "number=000124",
        "--set",
        "value_cents=",
        "--set",
        'items=[{"sku": "5", "quantity": 1}]',
    )

    row = shop.command(command_id)
    body = json.loads(row["body"])
    assert (body["number"], body["items"]) == ("000124", [{"sku": "5", "quantity": 1}])
    assert "value_cents" not in body
    assert (row["standing"], row["key"]) == ("active", "erp-7")


def test_a_whole_body_comes_from_a_file(shop: Shop, office: Office) -> None:
    command_id = office.ask("note", "not JSON", "erp-1")

    shop.prints("parked", "edit", command_id, "--file", "-", stdin='{"message": "hello"}')

    assert json.loads(shop.command(command_id)["body"])["message"] == "hello"


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        pytest.param([], 2, "Say what to change", id="nothing to change"),
        pytest.param(["--set", "number"], 2, "write FIELD=VALUE", id="no value"),
        pytest.param(["--set", "items=[1"], 1, "is not JSON", id="broken JSON"),
        pytest.param(["--set", "vlaue=1"], 1, "vlaue: Extra inputs", id="an unknown field"),
        pytest.param(["--set", "value_cents=x"], 1, "value_cents: ", id="a wrong type"),
        pytest.param(["--key", "k"], 1, "its order and its key stay", id="a key it has already"),
    ],
)
def test_a_wrong_edit_changes_nothing(
    shop: Shop, office: Office, arguments: list[str], status: int, words: str
) -> None:
    command_id = parked_invoice(office)

    result = shop.types("parked", "edit", command_id, *arguments)

    assert result.exit_code == status
    assert words in result.stderr
    assert shop.command(command_id)["standing"] == "parked"


def test_a_body_that_is_no_object_cannot_be_set_in_parts(shop: Shop, office: Office) -> None:
    command_id = office.ask("note", "not JSON", "erp-1")

    result = shop.types("parked", "edit", command_id, "--set", "message=hello")

    assert result.exit_code == 1
    assert "give a whole one with --file" in result.stderr


def test_a_discarded_command_is_parked_no_more(shop: Shop, office: Office) -> None:
    command_id = parked_invoice(office)

    shop.prints("parked", "discard", command_id, "--why", "sold by phone")

    assert shop.prints("parked", "list") == "Nothing is parked.\n"
    assert shop.command(command_id)["reason"] == "Discarded: sold by phone"


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        pytest.param(["retry"], 2, id="retry of nothing"),
        pytest.param(["retry", "x", "--cause", "y"], 2, id="retry of both"),
        pytest.param(["discard", "x"], 2, id="discard without a reason"),
        pytest.param(["discard", "x", "--why", "y"], 1, id="discard of what is not there"),
        pytest.param(["show", "x"], 1, id="show what is not there"),
    ],
)
def test_what_cannot_be_decided_has_a_status(shop: Shop, arguments: list[str], status: int) -> None:
    assert shop.types("parked", *arguments).exit_code == status
