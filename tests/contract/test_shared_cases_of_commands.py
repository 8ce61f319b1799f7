"""Documents that VTEX sends, each with a command and what is right for it.

The inputs are beside the repository, and are read where they are.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from orders_sync.commands import NAMED
from orders_sync.commands.change import ChangeBody
from orders_sync.commands.invoice import InvoiceBody
from orders_sync.commands.track import Tracking
from orders_sync.commands.verdicts import AlreadyInVtex, Known, NotAllowed, Send, Verdict
from orders_sync.erp.staging_commands import as_command
from orders_sync.erp.staging_tables import ERP_COMMANDS
from orders_sync.vtex.fulfilment import fulfilment
from orders_sync.vtex.names import CHANGE, encode

CASES = Path(__file__).parents[3] / "shared" / "cases" / "vtex"

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="the shared cases are not here")

COLUMNS = [column.name for column in ERP_COMMANDS.columns]


def judge(case: str, **other: Any) -> Verdict:
    """Judge the case's command, as the ERP's row says it, on the case's document."""
    [folder] = CASES.glob(f"{case}-*")
    document = (folder / "order.json").read_bytes()
    given = {"kind": "invoice", **json.loads((folder / "command.json").read_text()), **other}
    row = {**dict.fromkeys(COLUMNS), "id": 1, "order_id": "1-01", **given}
    command = as_command({**row, "body": json.dumps(row.get("body") or {})})
    kind = NAMED[command.kind]
    order, known = fulfilment(document), Known(now=datetime(2026, 11, 29, tzinfo=UTC))
    return kind.judge(kind.body.model_validate(command.body), order, known)


def sent(verdict: Verdict) -> Any:
    assert isinstance(verdict, Send), verdict
    return verdict.what


def invoiced(verdict: Verdict) -> tuple[int | None, list[tuple[str | None, int, int | None]]]:
    invoice = sent(verdict)
    assert isinstance(invoice, InvoiceBody)
    items = [(item.sku, item.quantity, item.price_cents) for item in invoice.items or ()]
    return invoice.value_cents, items


def test_a_line_that_a_change_took_out_is_not_invoiced() -> None:
    assert invoiced(judge("02")) == (5160, [("501", 1, 4000)])


def test_a_sku_that_a_change_added_can_be_invoiced() -> None:
    assert invoiced(judge("03")) == (9290, [("501", 1, 4000), ("502", 1, 3290)])


def test_a_return_pays_the_tax_of_its_pieces_back() -> None:
    assert invoiced(judge("06"))[0] == 2442


def test_money_without_goods_is_an_invoice_without_items() -> None:
    assert invoiced(judge("07")) == (1500, [])


@pytest.mark.parametrize("case", ["08a", "08b", "08c"])
def test_an_invoice_that_vtex_has_in_another_spelling_is_there_already(case: str) -> None:
    assert isinstance(
        judge(case, kind="invoice", tracking_number=None, courier=None), AlreadyInVtex
    )


def test_tracking_goes_to_the_number_that_vtex_has() -> None:
    tracking = sent(judge("08a"))

    assert isinstance(tracking, Tracking)
    assert (tracking.invoice_number, tracking.progress) == ("123.456", None)


@pytest.mark.parametrize(("case", "number"), [("08b", "000.123/1"), ("08c", "123456 ")])
def test_tracking_of_a_number_that_vtexs_routes_break_on_is_refused_at_once(
    case: str, number: str
) -> None:
    verdict = judge(case)

    assert isinstance(verdict, NotAllowed)
    assert verdict.cause == "tracking.number_unroutable"
    assert repr(number) in verdict.reason


def test_the_weight_that_was_picked_is_told() -> None:
    change = sent(judge("11"))

    assert isinstance(change, ChangeBody)
    assert encode(change, CHANGE)["replace"] == [
        {
            "from": {"items": [{"id": "950", "uniqueId": "U1", "quantity": 1}]},
            "to": {
                "items": [
                    {"id": "950", "quantity": 1, "measurementUnit": "kg", "unitMultiplier": 0.412}
                ]
            },
        }
    ]


def test_an_order_worth_nothing_cannot_be_invoiced_and_says_so() -> None:
    verdict = judge("17")

    assert isinstance(verdict, NotAllowed)
    assert verdict.cause == "invoice.worth_nothing"
    assert "Admin" in verdict.hint


def test_an_invoice_in_small_letters_is_an_invoice() -> None:
    assert not isinstance(judge("19"), Send)


def test_a_return_does_not_lessen_what_is_left_to_invoice() -> None:
    assert invoiced(judge("50")) == (10000, [("811", 1, 10000)])
