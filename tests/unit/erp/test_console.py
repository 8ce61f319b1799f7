"""The console shows that an order came, and nothing about who bought it."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

from orders_sync.domain.commands import Command, Outcome
from orders_sync.erp.console import ConsoleErp
from orders_sync.testing.factories import make_line, make_order


def test_an_order_is_one_line_of_ids_and_amounts(tmp_path: Path) -> None:
    stream = StringIO()
    lines = [make_line(quantity=2, price_cents=4990, selling_price_cents=4990)]
    order = make_order("1300000000001-01", lines=lines)

    ConsoleErp("mystore", {}, tmp_path, stream=stream).place_order(order)

    assert stream.getvalue() == (
        "mystore 1300000000001-01 placed: lines=1 value_cents=11270 currency=BRL "
        "reference=console-1300000000001-01\n"
    )


def test_a_cancellation_is_one_line_without_its_reason(tmp_path: Path) -> None:
    stream = StringIO()
    erp = ConsoleErp("mystore", {}, tmp_path, stream=stream)

    erp.cancel_order("1300000000001-01", "Conceição changed her mind")

    assert stream.getvalue() == "mystore 1300000000001-01 cancelled\n"


def test_an_answer_is_one_line_without_reason_and_body(tmp_path: Path) -> None:
    stream = StringIO()
    erp = ConsoleErp("mystore", {}, tmp_path, stream=stream)
    command = Command("note", "1300000000001-01", {"message": "Conceição called"}, "N-1")

    erp.answer(command, Outcome("refused", reason="Conceição is no word", receipt="R-1"))
    erp.answer(Command("sync", "1300000000002-01", {}), Outcome("accepted"))

    assert stream.getvalue() == (
        "mystore 1300000000001-01 note refused: key=N-1 receipt=R-1\n"
        "mystore 1300000000002-01 sync accepted: key=- receipt=-\n"
    )
