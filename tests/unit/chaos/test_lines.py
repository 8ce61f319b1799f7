from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from chaos.verdicts import out_of_line
from unit.demo.evidence_makers import vtex

from orders_sync.demo.records import AskedCommand, Evidence, SeenCall, VtexOrder, VtexPackage

FIRST = VtexPackage("7-1", is_return=False, value_cents=400, tracking_number="BR7")
REST = VtexPackage("7-2", is_return=False, value_cents=800)
ASKED = (
    AskedCommand("1-01", "change", words="Menos", row=1),
    AskedCommand("1-01", "invoice", "7-1", value_cents=400, row=2),
    AskedCommand("1-01", "invoice", "7-2", value_cents=800, row=3),
    AskedCommand("1-01", "track", "7-1", tracking_number="BR6", is_superseded=True, row=4),
    AskedCommand("1-01", "track", "7-1", tracking_number="BR7", row=5),
)
CHANGE = SeenCall(1.0, "create_change", has_effect=True, about="Menos")
LOST = SeenCall(2.0, "invoice", has_effect=False)
INVOICE_1 = SeenCall(3.0, "invoice", has_effect=True, about="7-1")
INVOICE_2 = SeenCall(4.0, "invoice", has_effect=True, about="7-2")


def order(*calls: SeenCall, **changes: Any) -> VtexOrder:
    facts = {"packages": (FIRST, REST), "invoiced_at": 3.0, "calls": calls, **changes}
    return replace(vtex(), **facts)


def problems(order: VtexOrder, asked: tuple[AskedCommand, ...] = ASKED) -> list[str]:
    return list(out_of_line(Evidence((order,), (), 0, 0, (), 1, 1, asked)))


def test_commands_that_took_effect_as_they_were_accepted_are_in_line() -> None:
    assert problems(order(CHANGE, LOST, INVOICE_1, INVOICE_2)) == []


@pytest.mark.parametrize(
    ("seen", "problem"),
    [
        pytest.param(
            order(CHANGE, INVOICE_2, INVOICE_1),
            "1-01: invoice 7-2 overtook what was accepted before it",
            id="the rest",
        ),
        pytest.param(
            order(INVOICE_1, replace(CHANGE, at=5.0), INVOICE_2),
            "1-01: create_change was sent after an invoice",
            id="a change after an invoice",
        ),
        pytest.param(
            order(INVOICE_1, SeenCall(5.0, "cancel", has_effect=False)),
            "1-01: cancel was sent after an invoice",
            id="a cancellation that VTEX refused",
        ),
        pytest.param(
            order(packages=(replace(FIRST, tracking_number="BR6"), REST)),
            "1-01: 7-1 shows BR6 after BR7",
            id="an old tracking number",
        ),
        pytest.param(
            order(packages=(FIRST, replace(REST, value_cents=1200))),
            "1-01: 7-2 is of 1200, not 800",
            id="all in place of the rest",
        ),
    ],
)
def test_what_was_not_kept_in_line_is_told(seen: VtexOrder, problem: str) -> None:
    assert problem in problems(seen)


def test_what_other_services_sent_was_accepted_in_any_order() -> None:
    asked = tuple(replace(one, row=None) for one in ASKED)

    assert problems(order(CHANGE, INVOICE_2, INVOICE_1), asked) == []


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param(order(packages=(FIRST,)), [], id="the invoice"),
        pytest.param(
            order(packages=(), invoiced_at=None, status="canceled"), [], id="the cancellation"
        ),
        pytest.param(
            order(packages=(), invoiced_at=None),
            ["1-01: not one of invoice and cancel"],
            id="neither",
        ),
    ],
)
def test_of_two_rivals_one_takes_effect(seen: VtexOrder, expected: list[str]) -> None:
    rivals = (
        AskedCommand("1-01", "invoice", "7-1", is_rival=True, row=1),
        AskedCommand("1-01", "cancel", words="Sem estoque", is_rival=True, row=2),
    )

    assert problems(seen, rivals) == expected
