"""Every field that a caller may give reaches VTEX, under VTEX's name."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from support.flow import STORE, Flow

from orders_sync.commands import NAMED
from orders_sync.commands.body import Quantity
from orders_sync.vtex.fulfilment import fulfilment

PACKAGE = {
    "courier": ("Ipê", {"courier": "Ipê"}),
    "tracking_number": ("BR7", {"trackingNumber": "BR7"}),
    "tracking_url": ("https://t/7", {"trackingUrl": "https://t/7"}),
    "dispatched_at": (
        "2026-11-25T08:30:00-03:00",
        {"dispatchedDate": "2026-11-25T08:30:00-03:00"},
    ),
}

#: Of each kind, each field: a value, and what VTEX has to be told of it.
FIELDS: dict[str, dict[str, tuple[Any, dict[str, Any]]]] = {
    "invoice": {
        "number": ("1-7", {"invoiceNumber": "1-7"}),
        "type": ("Output", {"type": "Output"}),
        "issued_at": ("2026-11-24T10:00:00-03:00", {"issuanceDate": "2026-11-24T10:00:00-03:00"}),
        "value_cents": (901, {"invoiceValue": "901"}),
        "items": ([{"quantity": 1, "price_cents": 807}], {"quantity": 1, "price": 807}),
        "access_key": ("3526", {"invoiceKey": "3526"}),
        "url": ("https://n/7", {"invoiceUrl": "https://n/7"}),
        "embedded_invoice": ("<nfe/>", {"embeddedInvoice": "<nfe/>"}),
        "cfop": ("5102", {"cfop": "5102"}),
        **PACKAGE,
    },
    "track": {
        "invoice_number": ("1-7", {}),
        "events": (
            [{"city": "Rio", "state": "RJ", "description": "Saiu", "date": "2026-11-26"}],
            {"city": "Rio", "state": "RJ", "description": "Saiu", "date": "2026-11-26"},
        ),
        "delivered": (True, {"isDelivered": True}),
        "delivered_at": ("2026-11-26T22:30:00-03:00", {"deliveredDate": "2026-11-26 22:30"}),
        **PACKAGE,
    },
    "cancel": {"reason": ("Fraude", {"reason": "Fraude"})},
    "deny": {"reason": ("Embalado", {"denyReason": "Embalado"})},
    "change": {
        "reason": ("Atraso", {"reason": "Atraso"}),
        "add": (
            [
                {
                    "sku": "SKU",
                    "quantity": 2,
                    "price_cents": 703,
                    "measurement_unit": "kg",
                    "unit_multiplier": 0.412,
                }
            ],
            {"price": 703, "quantity": 2, "measurementUnit": "kg", "unitMultiplier": 0.412},
        ),
        "remove": ([{"quantity": 1}], {"quantity": 1}),
        "replace": (
            [
                {
                    "from": [{"quantity": 1}],
                    "to": [{"sku": "SKU", "quantity": 3, "price_cents": 605}],
                }
            ],
            {"price": 605, "quantity": 3},
        ),
        "manual_discount_cents": (11, {"manualDiscountValue": 11}),
        "manual_increment_cents": (13, {"manualIncrementValue": 13}),
    },
    "note": {"message": ("Olá", {"message": "Olá"}), "source": ("WMS", {"source": "WMS"})},
    "sync": {},
}


def pairs(value: Any) -> set[tuple[str, Any]]:
    """Return each name in a JSON value with what is under it, where that is no object or list."""
    if isinstance(value, dict):
        own = {(name, part) for name, part in value.items() if not isinstance(part, dict | list)}
        return own.union(*map(pairs, value.values()))
    return set().union(*map(pairs, value)) if isinstance(value, list) else set()


def nested(model: type[BaseModel]) -> set[type[BaseModel]]:
    def walk(annotation: Any) -> set[type[BaseModel]]:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return {annotation, *nested(annotation)}
        return set().union(*map(walk, get_args(annotation)))

    return set().union(*(walk(field.annotation) for field in model.model_fields.values()))


@pytest.mark.parametrize("kind", list(NAMED))
def test_every_field_of_a_kind_has_a_row_here(kind: str) -> None:
    assert set(FIELDS[kind]) == set(NAMED[kind].body.model_fields)

    for model in nested(NAMED[kind].body) - {Quantity}:
        assert all(
            any(
                f'"{field.alias or name}"' in json.dumps(value)
                for value, _ in FIELDS[kind].values()
            )
            for name, field in model.model_fields.items()
        ), f"{model.__name__} has a field that no row gives"


@pytest.mark.parametrize(
    ("kind", "field"), [(kind, field) for kind, fields in FIELDS.items() for field in fields]
)
def test_a_field_that_is_given_arrives_at_vtex(flow: Flow, kind: str, field: str) -> None:
    [order_id] = flow.in_handling()
    if kind == "track":
        flow.ask("invoice", order_id, {"number": "1-7"})
        flow.settle(rounds=2)
    if kind == "deny":
        flow.box.cancel(order_id, request=True)
    line = flow.box.order(order_id).lines[0]
    body = {name: value for name, (value, _) in FIELDS[kind].items()}
    body = json.loads(
        json.dumps(body)
        .replace('{"quantity"', f'{{"line_id": "{line.line_id}", "quantity"')
        .replace('"SKU"', f'"{line.sku}"')
    )

    before = len(flow.sent)
    command = flow.ask(kind, order_id, body)
    flow.drain()

    assert flow.sent[before:], flow.command(command)["reason"]
    assert FIELDS[kind][field][1].items() <= pairs(flow.sent[before:])


def test_vtex_shows_each_field_of_an_invoice_that_it_keeps(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    line = flow.box.order(order_id).lines[0]
    body = {name: value for name, (value, _) in FIELDS["invoice"].items()}

    flow.ask("invoice", order_id, {**body, "items": [{"line_id": line.line_id, "quantity": 1}]})
    flow.settle(rounds=2)

    [package] = fulfilment(flow.services.vtex(STORE).get_order(order_id)).packages
    shown = {
        name: getattr(package, name)
        for name in ("access_key", "url", "cfop", *PACKAGE)
        if name != "dispatched_at"
    }
    assert shown == {name: body[name] for name in shown}
