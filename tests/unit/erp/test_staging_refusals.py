"""A rule that the ERP's people put on the tables refuses its order, and is no outage."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.erp_rules import TRIGGERS
from unit.erp.erp_sql import ErpSql

from orders_sync.domain.commands import Command, Outcome
from orders_sync.domain.order import Order
from orders_sync.erp.base import CancelAnswer
from orders_sync.erp.foreign_words import without_personal
from orders_sync.erp.staging import StagingErp
from orders_sync.errors import ErpRefused
from orders_sync.testing.factories import make_order

BAD = "1300000000001-01"
GOOD = "1300000000002-01"

#: What refuses the order BAD, beside a trigger.
CONSTRAINTS = {
    "a check": {
        "postgresql": [f"ALTER TABLE erp_orders ADD CONSTRAINT no_bad CHECK (order_id <> '{BAD}')"],
        "mariadb": [f"ALTER TABLE erp_orders ADD CONSTRAINT no_bad CHECK (order_id <> '{BAD}')"],
    },
    "a foreign key": {
        "postgresql": [
            "CREATE TABLE known (id VARCHAR(255) PRIMARY KEY)",
            "INSERT INTO known SELECT order_id FROM erp_orders",
            "ALTER TABLE erp_orders ADD CONSTRAINT no_bad FOREIGN KEY (order_id) REFERENCES known",
        ],
        "mariadb": [
            "CREATE TABLE known (id VARCHAR(255) PRIMARY KEY)",
            "INSERT INTO known SELECT order_id FROM erp_orders",
            (
                "ALTER TABLE erp_orders ADD CONSTRAINT no_bad FOREIGN KEY (order_id) "
                "REFERENCES known (id)"
            ),
        ],
    },
    "a unique key": {
        "sqlite": ["CREATE UNIQUE INDEX no_bad ON erp_orders (currency)"],
        "postgresql": ["CREATE UNIQUE INDEX no_bad ON erp_orders (currency)"],
        "mariadb": ["CREATE UNIQUE INDEX no_bad ON erp_orders (currency)"],
    },
    "a column that must have a value": {
        "postgresql": ["ALTER TABLE erp_orders ALTER sequence SET NOT NULL"],
        "mariadb": ["ALTER TABLE erp_orders MODIFY sequence VARCHAR(255) NOT NULL"],
    },
}


def refuse(
    sql: ErpSql, database: str, words: str, *, table: str = "erp_orders", event: str = "INSERT"
) -> None:
    """Have a trigger refuse the rows of the order BAD."""
    for statement in TRIGGERS[database](table, event, f"NEW.order_id = '{BAD}'", words):
        sql.execute(statement)


def place(erp: StagingErp, order: Order) -> str:
    """Place an order that is refused; return what is said."""
    with pytest.raises(ErpRefused) as raised:
        erp.place_order(order)
    return str(raised.value)


@pytest.mark.parametrize("table", ["erp_orders", "erp_order_lines"])
def test_a_trigger_refuses_its_order_in_its_own_words_and_no_other(
    table: str, staging: StagingErp, sql: ErpSql, erp_database: str
) -> None:
    refuse(sql, erp_database, "cliente sem cadastro", table=table)

    said = place(staging, make_order(BAD))
    staging.place_order(make_order(GOOD))

    assert "cliente sem cadastro" in said
    assert sql.execute("SELECT order_id FROM erp_orders").scalars().all() == [GOOD]


@pytest.mark.parametrize("kind", CONSTRAINTS)
def test_a_constraint_refuses_its_order_and_no_other(
    kind: str, staging: StagingErp, sql: ErpSql, erp_database: str
) -> None:
    good, bad = make_order(GOOD), replace(make_order(BAD), sequence=None)
    statements = CONSTRAINTS[kind].get(erp_database)
    if statements is None:
        pytest.skip("SQLite adds no such constraint to a table that is there.")
    staging.place_order(good)
    for statement in statements:
        sql.execute(statement)

    said = place(staging, bad)

    assert good.customer.last_name not in said
    assert str(good.value_cents) not in said
    assert sql.execute("SELECT order_id FROM erp_orders").scalars().all() == [GOOD]


def test_nothing_personal_is_told_of_what_a_rule_says(
    staging: StagingErp, sql: ErpSql, erp_database: str
) -> None:
    order = make_order(BAD)
    customer = replace(order.customer, first_name="Zoë", last_name="da Conceição")
    words = "cliente ZOE DA CONCEICAO (zoe@example.com, 123.456.789-09, 11 98765-4321) sem rota 7"
    refuse(sql, erp_database, words)

    said = place(staging, replace(order, customer=customer))

    assert "cliente *** DA *** *** ***, ***) sem rota 7" in said


def test_an_order_that_is_there_keeps_its_receipt_whatever_a_rule_says_later(
    staging: StagingErp, sql: ErpSql, erp_database: str
) -> None:
    receipt = staging.place_order(make_order(BAD))
    refuse(sql, erp_database, "pedido duplicado")

    again = staging.place_order(make_order(BAD))

    assert again == receipt


def test_a_rule_that_refuses_a_cancellation_is_told_by_its_code(
    staging: StagingErp, sql: ErpSql, erp_database: str
) -> None:
    staging.place_order(make_order(BAD))
    refuse(sql, erp_database, "Zoe ja recebeu", event="UPDATE")

    with pytest.raises(ErpRefused) as raised:
        staging.cancel_order(BAD, "Out of stock")
    with pytest.raises(ErpRefused, match="recebeu"):
        staging.consider_cancellation(make_order(BAD))

    codes = {"sqlite": "SQLITE_CONSTRAINT_TRIGGER", "postgresql": "P0001", "mariadb": "45000"}
    assert codes[erp_database] in str(raised.value)
    assert "Zoe" not in str(raised.value)


def test_a_rule_that_refuses_a_tombstone_refuses_the_cancellation(
    staging: StagingErp, sql: ErpSql, erp_database: str
) -> None:
    refuse(sql, erp_database, "pedido desconhecido")

    with pytest.raises(ErpRefused):
        staging.cancel_order(BAD, "Out of stock")

    assert staging.cancel_order(GOOD, "Out of stock") is CancelAnswer.UNKNOWN


def test_a_rule_that_refuses_an_answer_is_no_outage(
    staging: StagingErp, sql: ErpSql, erp_database: str
) -> None:
    sql.execute(
        "INSERT INTO erp_commands (account, order_id, kind) VALUES ('mystore', :id, 'sync')", id=BAD
    )
    refuse(sql, erp_database, "fechado", table="erp_commands", event="UPDATE")

    with pytest.raises(ErpRefused):
        staging.answer(Command("sync", BAD, {}, "erp-1"), Outcome("done"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("Ana está no mapa", "*** está no mapa"),
        ("analise de ANA", "analise de ***"),
        ("CEP 01310-100", "CEP ***"),
        ("CNPJ 12.345.678/0001-90 bloqueado", "CNPJ *** bloqueado"),
        ("SKU 881234 sem estoque", "SKU 881234 sem estoque"),
        ("two\nlines\x1b[31m", "two lines [31m"),
        ("x" * 400, "x" * 299 + "…"),
    ],
)
def test_words_of_a_rule_are_one_short_line_without_names_and_numbers(
    words: str, told: str
) -> None:
    assert without_personal(words, ["Ana", "Li"]) == told
