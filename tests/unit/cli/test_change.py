from __future__ import annotations

import json

import pytest
from support.shop import Shop

DISCOUNT = {"reason": "late", "manual_discount_cents": 100}


@pytest.fixture
def order_id(shop: Shop) -> str:
    [order_id] = shop.box.create_orders(1, handling=True)
    return order_id


def test_a_change_is_kept(shop: Shop, order_id: str) -> None:
    answer = shop.answers("change", order_id, "--file", "-", stdin=json.dumps(DISCOUNT))

    row = shop.command(answer["command_id"])
    assert (row["kind"], row["standing"]) == ("change", "active")


def test_a_dry_run_says_what_vtex_would_do_and_keeps_nothing(shop: Shop, order_id: str) -> None:
    value = shop.box.order(order_id).value

    preview = shop.answers(
        "change", order_id, "--dry-run", "--file", "-", stdin=json.dumps(DISCOUNT)
    )
    words = shop.prints("change", order_id, "--dry-run", "--file", "-", stdin=json.dumps(DISCOUNT))

    assert preview["totalChangeValue"] == -100
    assert "totalChangeValue: -100\n" in words
    assert shop.ledger.inquiries.list_commands() == []
    assert shop.box.order(order_id).value == value
    assert shop.box.order(order_id).changes == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(
            {"reason": "x", "remove": [{"sku": "none", "quantity": 1}]},
            "It would be refused: SKU none is not in the order.",
            id="refused by us",
        ),
        pytest.param({"reason": "x"}, "give add, remove, replace", id="no change"),
        pytest.param(
            {"reason": "x", "manual_discount_cents": 10**9}, "VTEX refused", id="refused by VTEX"
        ),
    ],
)
def test_a_dry_run_says_why_it_would_be_refused(
    shop: Shop, order_id: str, change: dict[str, object], words: str
) -> None:
    result = shop.types("change", order_id, "--dry-run", "--file", "-", stdin=json.dumps(change))

    assert result.exit_code == 1
    assert words in result.stderr


def test_a_dry_run_says_when_vtex_takes_no_change_yet(shop: Shop) -> None:
    [order_id] = shop.box.create_orders(1)

    result = shop.types("change", order_id, "--dry-run", "--file", "-", stdin=json.dumps(DISCOUNT))

    assert result.exit_code == 1
    assert "VTEX would not take it now" in result.stderr
