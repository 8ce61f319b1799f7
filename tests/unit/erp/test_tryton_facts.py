"""What Tryton is told of an order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from orders_sync.domain.amounts import ChargedService, Reckoning
from orders_sync.domain.order import Component
from orders_sync.erp.tryton.facts import facts_of
from orders_sync.testing.factories import make_delivery, make_line, make_order

WRAP = ChargedService(id="1", name="Embalagem", kind=None, quantity=2, price_cents=150)
IN_LINE = replace(WRAP, is_in_line=True)


def test_the_parts_of_an_order_are_its_value() -> None:
    order = make_order(
        lines=[
            make_line(tax_cents=77, services=(WRAP, IN_LINE)),
            make_line(1, total_cents=0, is_gift=True),
        ],
        value_cents=1000,
        reckoning=Reckoning(
            lines_cents=500,
            services_cents=300,
            freight_cents=200,
            discounts_cents=-50,
            tax_cents=77,
            changes_cents=-20,
            other_cents=10,
            difference_cents=-17,
        ),
    )
    order = replace(order, lines=(replace(order.lines[0], total_cents=500), order.lines[1]))

    lines = facts_of(order)["lines"]

    assert sum(line["total_cents"] for line in lines) == order.value_cents
    assert [(line["part"], line["total_cents"]) for line in lines] == [
        ("item", 500),
        ("tax", 77),
        ("service", 300),
        ("service", 0),
        ("item", 0),
        ("freight", 200),
        ("discount", -50),
        ("change", -20),
        ("other", 10),
        ("difference", -17),
    ]


def test_weight_is_told_in_units_and_pieces() -> None:
    line = make_line(quantity=3, unit_multiplier=0.412, measurement_unit="kg")

    [item, *_] = facts_of(make_order(lines=[line]))["lines"]

    assert (item["pieces"], item["units"], item["unit"]) == (3, "1.236", "kg")


def test_the_parts_of_a_kit_are_counted_in_all_its_pieces() -> None:
    part = Component("A", "2001", "S2001", "CAFE", "Café", 2)

    [item, *_] = facts_of(make_order(lines=[make_line(quantity=3, components=(part,))]))["lines"]

    assert [(p["sku"], p["pieces"], p["codes"]["ref_id"]) for p in item["components"]] == [
        ("2001", 6, "CAFE")
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"document": "529.982.247-25"}, ("cpf/52998224725", "52998224725", "br_cpf")),
        ({"document": "52998224725"}, ("cpf/52998224725", "52998224725", "br_cpf")),
        (
            {"document_type": "pasaporte", "document": "ab-123"},
            ("pasaporte/AB123", "AB123", None),
        ),
        (
            {"is_corporate": True, "corporate_document": "12.ABC.345/01DE-35"},
            ("cnpj/12ABC34501DE35", "12ABC34501DE35", "br_cnpj"),
        ),
        ({"document": None}, ("mystore/1-01", "", "br_cpf")),
        ({"document": " - "}, ("mystore/1-01", "", "br_cpf")),
    ],
)
def test_a_customer_is_known_by_the_document_however_it_is_written(
    changes: dict[str, Any], expected: tuple[str, str, str | None]
) -> None:
    order = make_order("1-01")
    order = replace(order, customer=replace(order.customer, **changes))

    customer = facts_of(order)["customer"]

    assert (customer["key"], customer["code"], customer["type"]) == expected
    assert customer["name"]


def test_a_company_is_invoiced_under_its_own_name() -> None:
    order = make_order()
    company = replace(
        order.customer,
        is_corporate=True,
        corporate_document="12ABC34501DE35",
        corporate_name="Padaria Inventada Ltda",
    )

    assert facts_of(replace(order, customer=company))["customer"]["name"] == company.corporate_name


def test_a_customer_without_a_name_has_the_orders() -> None:
    order = make_order("1-01")
    nobody = replace(order.customer, first_name="", last_name="")

    assert "1-01" in facts_of(replace(order, customer=nobody))["customer"]["name"]


def test_a_sale_is_of_the_stores_own_day() -> None:
    evening = datetime(2026, 11, 28, 1, 30, tzinfo=UTC)

    assert facts_of(make_order(created_at=evening))["sold_on"] == "2026-11-27"
    assert facts_of(make_order(created_at=None))["sold_on"] is None


def test_people_who_pack_read_how_the_goods_travel() -> None:
    order = make_order()
    pickup = make_delivery(1, window_from=None, window_until=None, pickup_point_id="1_PUP")
    order = replace(order, deliveries=(order.deliveries[0], pickup))

    comment = facts_of(order)["comment"]

    assert "Transportadora Ipê" in comment
    assert "06:30-09:30" in comment
    assert "1_PUP" in comment


def test_an_order_with_nothing_but_lines_can_be_told() -> None:
    order = make_order(address=None, invoice_address=None, deliveries=(), payments=())

    facts = facts_of(order)

    assert set(facts["address"].values()) == {None}
    assert (facts["warehouse"], facts["payments"], facts["comment"]) == (None, "", "")


def test_texts_of_several_lines_are_in_one() -> None:
    order = make_order()
    customer = replace(order.customer, first_name="Ana\n", last_name="\tSouza\r\nLima")

    facts = facts_of(replace(order, customer=customer))

    assert facts["customer"]["name"] == "Ana Souza Lima"
