from __future__ import annotations

from typing import Any

import pytest
from support.office import Office

INVOICE = {"number": "7", "value_cents": 999}
ANOTHER = {"number": "8", "value_cents": 999}
EVENT = {"invoice_number": "7", "delivered": True}
DISCOUNT = {"reason": "late", "manual_discount_cents": 5}


@pytest.mark.parametrize(
    ("earlier", "later", "is_closed"),
    [
        pytest.param(("cancel", {"reason": "a"}), ("cancel", {"reason": "b"}), True, id="cancel"),
        pytest.param(("deny", {"reason": "a"}), ("deny", {"reason": "b"}), True, id="deny"),
        pytest.param(
            ("invoice", INVOICE), ("invoice", {"number": "7"}), True, id="the same invoice"
        ),
        pytest.param(
            ("invoice", INVOICE),
            ("invoice", {**INVOICE, "number": "8"}),
            False,
            id="another invoice",
        ),
        pytest.param(("invoice", INVOICE), ("track", EVENT), False, id="the invoice's tracking"),
        pytest.param(("track", EVENT), ("track", EVENT), True, id="the same tracking"),
        pytest.param(
            ("track", EVENT),
            ("track", {"invoice_number": "7", "tracking_number": "BR1"}),
            False,
            id="other tracking",
        ),
        pytest.param(("change", DISCOUNT), ("change", DISCOUNT), True, id="the same change"),
        pytest.param(
            ("change", DISCOUNT), ("change", {**DISCOUNT, "reason": "b"}), False, id="other change"
        ),
    ],
)
def test_a_later_success_closes_the_failure_of_the_same(
    office: Office, earlier: tuple[str, Any], later: tuple[str, Any], is_closed: bool
) -> None:
    failed = office.ask(*earlier, key="first")
    office.park(failed)
    succeeded = office.ask(*later, key="second")

    office.finish(succeeded)

    row = office.row(failed)
    assert (row["standing"], row["outcome"]) == (
        ("done", "done") if is_closed else ("parked", "parked")
    )


def test_a_command_that_was_corrected_at_its_source_closes_the_wrong_one(office: Office) -> None:
    wrong = office.ask("note", {"mesage": "hello"}, "erp-1")
    right = office.ask("note", {"message": "hello"}, "erp-1")

    office.finish(right)

    row = office.row(wrong)
    assert (row["standing"], row["outcome"], row["cause"]) == ("done", "refused", "command.closed")


def test_a_conflicting_command_is_not_closed_by_the_one_it_conflicts_with(office: Office) -> None:
    first = office.ask("note", {"message": "one"}, "erp-1")
    conflicting = office.ask("note", {"message": "two"}, "erp-1")

    office.finish(first)

    assert office.row(conflicting)["cause"] == "command.key_conflict"
    assert office.row(conflicting)["standing"] == "parked"
