from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from orders_sync.commands import KINDS, NAMED
from orders_sync.commands.kind import Kind
from orders_sync.gateway.desk.forms import Field, InputType, Rows, body_in, fields_of

INVOICE = NAMED["invoice"].body
TRACK = NAMED["track"].body


def flat(fields: Sequence[Field | Rows]) -> Iterator[Field]:
    for field in fields:
        if isinstance(field, Rows):
            for row in field.rows:
                yield from flat(row)
        else:
            yield field


def as_typed(fields: Sequence[Field | Rows]) -> dict[str, str]:
    """Return what a browser sends of a form that nobody touched."""
    return {
        field.path: field.value
        for field in flat(fields)
        if field.entry is not InputType.FLAG or field.value
    }


BODIES: dict[str, dict[str, Any]] = {
    "invoice": {
        "number": "1/2", "type": "Input", "issued_at": "2026-11-27T12:00:00-03:00",
        "value_cents": 1205, "items": [{"sku": "7", "quantity": 2, "price_cents": 5}],
        "access_key": "35", "courier": "Ana", "embedded_invoice": "<xml/>",
    },
    "track": {
        "invoice_number": "7", "delivered": True,
        "events": [{"city": "São Paulo", "state": "SP", "description": "x", "date": "2026-11-27"}],
    },
    "cancel": {"reason": "Ana asked"},
    "deny": {"reason": "Ana asked"},
    "note": {"message": "Ana called"},
    "change": {
        "reason": "Ana asked",
        "replace": [{"from": [{"sku": "7", "quantity": 1}],
                     "to": [{"sku": "8", "quantity": 1, "unit_multiplier": 0.5}]}],
        "manual_discount_cents": 5,
    },
    "sync": {},
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("sees_persons", [True, False])
def test_an_untouched_form_changes_nothing(kind: Kind, *, sees_persons: bool) -> None:
    body = BODIES[kind.name]
    form = as_typed(fields_of(kind.body, body, sees_persons=sees_persons))

    made = body_in(kind.body, form, body, sees_persons=sees_persons)

    assert kind.body.model_validate(made) == kind.body.model_validate(body)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_no_text_of_somebody_else_is_shown_to_whoever_sees_no_persons(kind: Kind) -> None:
    shown = list(flat(fields_of(kind.body, BODIES[kind.name], sees_persons=False)))

    texts = {field.value for field in shown}
    assert not texts & {"Ana", "Ana asked", "Ana called", "São Paulo", "<xml/>", "35"}
    assert not [field for field in shown if field.is_hidden and field.value]


@pytest.mark.parametrize("name", ["number", "value_cents", "issued_at", "type", "items"])
def test_what_is_wrong_in_a_field_may_name_somebody(name: str) -> None:
    body = {"number": "7", name: "Ana Maria"}

    shown = flat(fields_of(INVOICE, body, sees_persons=False))

    if name != "type":
        assert all("Ana" not in field.value for field in shown)


def test_what_is_hidden_can_be_replaced() -> None:
    body = {"number": "7", "courier": "Ana"}
    form = as_typed(fields_of(INVOICE, body, sees_persons=False))

    made = body_in(INVOICE, {**form, "courier": "Correios"}, body, sees_persons=False)

    assert made["courier"] == "Correios"


@pytest.mark.parametrize(
    ("typed", "cents"),
    [("12", 1200), ("12,5", 1250), ("12.50", 1250), ("0,05", 5), ("", None), ("1.234", "1.234")],
)
def test_money_is_typed_as_people_write_it(typed: str, cents: object) -> None:
    form = {"number": "7", "type": "Output", "value_cents": typed}

    assert body_in(INVOICE, form, {}, sees_persons=True).get("value_cents") == cents


def test_a_row_is_added_and_another_one_taken_out() -> None:
    body = {"number": "7", "items": [{"sku": "1", "quantity": 1}, {"sku": "2", "quantity": 2}]}
    form = as_typed(fields_of(INVOICE, body, sees_persons=True))
    emptied = {path: "" for path in form if path.startswith("items.0.")}
    added = {"items.2.sku": "3", "items.2.quantity": "3"}

    made = body_in(INVOICE, {**form, **emptied, **added}, body, sees_persons=True)

    assert made["items"] == [{"sku": "2", "quantity": "2"}, {"sku": "3", "quantity": "3"}]


@pytest.mark.parametrize(
    "body", [None, "text", [1], {"items": 7}, {"items": {"a": 1}}, {"number": {}}]
)
def test_a_body_that_is_none_gives_an_empty_form(body: Any) -> None:
    values = {field.value for field in flat(fields_of(INVOICE, body, sees_persons=True))}

    assert values <= {"", "Output"}
