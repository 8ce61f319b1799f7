"""An order is found by what people call it, by an index each, and only in accounts of theirs."""

from __future__ import annotations

from support.office import ORDER, STORE, Office

from orders_sync.domain.rules import Progress, Standing
from orders_sync.domain.steps import Step, StepResult


def read(office: Office, order_id: str) -> None:
    ledger = office.ledger.orders
    ledger.look_again(STORE, order_id, now=office.clock())
    claim = ledger.claim(STORE, order_id, Step.FETCH, owner="me", now=office.clock())
    assert claim is not None
    result = StepResult(
        Standing.DONE,
        progress=Progress.HANDLING,
        sequence="501",
        marketplace_order_id="MKT 7",
        erp_reference="SO/9",
    )
    ledger.complete(claim, result, office.entry, now=office.clock())


def found(office: Office, text: str, accounts: list[str] | None = None) -> list[tuple[str, str]]:
    return [(hit.order_id, hit.by) for hit in office.ledger.inquiries.find_named(text, accounts)]


def test_an_order_is_found_by_each_of_its_names(office: Office) -> None:
    read(office, ORDER)

    names = (ORDER, ORDER[:-3], "501", "MKT 7", "SO/9")

    assert [found(office, f" {name} ") for name in names] == [
        [(ORDER, "order")],
        [(ORDER, "order")],
        [(ORDER, "sequence")],
        [(ORDER, "marketplace")],
        [(ORDER, "erp")],
    ]


def test_an_order_is_found_by_what_was_asked_for(office: Office) -> None:
    invoice = office.ask("invoice", {"number": "000.1/2", "tracking_number": "BR123"})

    assert found(office, "000.1/2") == [(ORDER, "invoice")]
    assert found(office, "000.1-2") == [(ORDER, "invoice")]
    assert found(office, "br123") == [(ORDER, "tracking")]
    assert found(office, invoice) == [(ORDER, "command")]


def test_what_was_edited_is_found_by_its_new_number(office: Office) -> None:
    command_id = office.ask("invoice", {"number": "7", "tracking_number": "BR1"})
    office.park(command_id)

    office.edit(command_id, {"number": "8", "tracking_number": "BR2"})

    assert found(office, "BR1") == []
    assert found(office, "BR2") == [(ORDER, "tracking")]


def test_orders_of_other_accounts_are_not_found(office: Office) -> None:
    read(office, ORDER)

    assert found(office, ORDER, ["other"]) == []
    assert found(office, "501", ["other"]) == []
    assert found(office, ORDER, [STORE]) == [(ORDER, "order")]


def test_nothing_is_found_by_nothing(office: Office) -> None:
    office.ask("note", {"message": "x"})

    assert [found(office, text) for text in ("", "  ", "\0", "x" * 1000, "%")] == [[]] * 5
