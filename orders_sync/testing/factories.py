"""Invented orders of the shape that VTEX's have; the same order id always gives the same order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from orders_sync.domain.order import (
    Address,
    Customer,
    Delivery,
    Order,
    OrderLine,
    Payment,
    Reckoning,
    Totals,
)

_GOODS: Final = (
    ("Camiseta básica de algodão preta M", 4990),
    ("Tênis de corrida feminino 37", 32900),
    ("Cafetera italiana 6 tazas", 15990),
    ("Jogo de lençol casal 4 peças", 21450),
    ("Mochila escolar con ruedas", 18999),
    ("Queijo minas curado 500 g", 3875),
)
_FIRST_NAMES: Final = ("Inês", "João", "Conceição", "Íñigo", "Lucía", "Thaís")
_LAST_NAMES: Final = ("Gonçalves", "d'Ávila", "Muñoz", "Araújo Simões", "Peña", "Brandão")
_PLACES: Final = (
    ("São Paulo", "SP", "01310-100"),
    ("Belém", "PA", "66010-000"),
    ("Florianópolis", "SC", "88010-400"),
)
_FIRST_DAY: Final = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
_SHIPPING_CENTS: Final = 1290


def make_order(
    order_id: str = "1300000000001-01",
    *,
    account: str = "mystore",
    lines: int | Sequence[OrderLine] = 2,
    **changes: Any,
) -> Order:
    """Make an order that is ready for handling, whose sums are right.

    `lines` is how many, or the lines themselves (see `make_line`); the first of several is
    discounted. `changes` replaces any other field of `Order`.
    """
    rng = Random(order_id)  # noqa: S311 -- invented goods, no secret
    if isinstance(lines, int):
        lines = [make_line(index, rng=rng) for index in range(lines)]
    customer, address = _customer(rng), _address(rng)
    totals = _totals(lines)
    value_cents = totals.items_cents + totals.discounts_cents + totals.shipping_cents
    order = Order(
        account=account,
        order_id=order_id,
        status="ready-for-handling",
        is_completed=True,
        sequence=order_id.partition("-")[0][-6:],
        order_group=order_id.partition("-")[0],
        marketplace_order_id=order_id,
        seller_order_id=order_id,
        origin="Fulfillment",
        sales_channel="1",
        created_at=_FIRST_DAY + timedelta(seconds=rng.randrange(30 * 86_400)),
        currency="BRL",
        value_cents=value_cents,
        totals=totals,
        customer=customer,
        address=address,
        invoice_address=address,
        remark="Deixar com o porteiro.",
        custom_data='{"customApps": []}',
        lines=tuple(lines),
        deliveries=tuple(make_delivery(line.index, address=address) for line in lines),
        payments=(Payment(f"PAY{order_id}", "125", "Pix", "instantPayment", value_cents, 1, "T"),),
        cancel_reason=None,
        document=b"",
    )
    order = replace(order, **changes)
    if "reckoning" not in changes:
        order = replace(order, reckoning=_reckoning(order))
    return order if order.document else replace(order, document=_document(order))


def make_line(index: int = 0, *, rng: Random | None = None, **changes: Any) -> OrderLine:
    """Make one line; `changes` replaces fields of `OrderLine`.

    `total_cents` follows from quantity and selling price where it is not given.
    """
    rng = rng or Random(index)  # noqa: S311 -- invented goods, no secret
    name, price_cents = rng.choice(_GOODS)
    number = rng.randrange(1000, 9999)
    line = OrderLine(
        index=index,
        line_id=f"{rng.getrandbits(128):032X}",
        sku=f"88{number}",
        seller_sku=f"{number}",
        ref_id=f"REF-{number}",
        name=name,
        quantity=rng.randrange(1, 4),
        list_price_cents=price_cents + 1000,
        price_cents=price_cents,
        selling_price_cents=price_cents if index else price_cents - price_cents // 10,
        total_cents=0,
        tax_cents=0,
        is_gift=False,
        measurement_unit="un",
        unit_multiplier=1.0,
        unit_list_price_cents=price_cents + 1000,
        unit_price_cents=price_cents,
    )
    line = replace(line, **changes)
    if "total_cents" in changes:
        return line
    return replace(line, total_cents=line.quantity * line.selling_price_cents)


def make_delivery(line_index: int = 0, **changes: Any) -> Delivery:
    """Make the delivery of one line to the customer's door; `changes` replaces fields."""
    delivery = Delivery(
        line_index=line_index,
        channel="delivery",
        sla="Econômica",
        company="Transportadora Ipê",
        price_cents=0 if line_index else _SHIPPING_CENTS,
        estimate="3bd",
        estimated_at=_FIRST_DAY + timedelta(days=33),
        pickup_point_id=None,
        warehouse_id="1_1",
        courier_id="ipe-1",
        window_from=_FIRST_DAY + timedelta(days=33),
        window_until=_FIRST_DAY + timedelta(days=33, hours=3),
        dock_id="1",
        courier_name="Ipê",
    )
    return replace(delivery, **changes)


def _totals(lines: Sequence[OrderLine]) -> Totals:
    items_cents = sum(line.quantity * line.price_cents for line in lines)
    return Totals(
        items_cents=items_cents,
        discounts_cents=sum(line.total_cents for line in lines) - items_cents,
        shipping_cents=_SHIPPING_CENTS if lines else 0,
        tax_cents=0,
        other_cents=0,
    )


def _reckoning(order: Order) -> Reckoning:
    lines_cents = sum(line.total_cents for line in order.lines)
    tax_cents = sum(line.tax_cents for line in order.lines)
    return Reckoning(
        lines_cents=lines_cents,
        freight_cents=order.totals.shipping_cents,
        tax_cents=tax_cents,
        difference_cents=order.value_cents
        - (lines_cents + order.totals.shipping_cents + tax_cents),
    )


def _customer(rng: Random) -> Customer:
    return Customer(
        first_name=rng.choice(_FIRST_NAMES),
        last_name=rng.choice(_LAST_NAMES),
        document_type="cpf",
        document=f"000{rng.randrange(10**8):08d}",
        email=f"{rng.getrandbits(128):032x}@ct.vtex.com.br",
        phone=f"+55110000{rng.randrange(10**4):04d}",
        is_corporate=False,
        corporate_name=None,
        corporate_document=None,
    )


def _address(rng: Random) -> Address:
    city, state, postal_code = rng.choice(_PLACES)
    return Address(
        kind="residential",
        receiver=f"{rng.choice(_FIRST_NAMES)} {rng.choice(_LAST_NAMES)}",
        postal_code=postal_code,
        street="Rua das Acácias Inventadas",
        number=str(rng.randrange(1, 2000)),
        complement="ap. 12",
        neighborhood="Centro",
        reference=None,
        city=city,
        state=state,
        country="BRA",
    )


def _document(order: Order) -> bytes:
    """Write a document with the fields by which an order is known; VTEX's has many more."""
    items = [
        {"uniqueId": line.line_id, "id": line.sku, "quantity": line.quantity, "name": line.name}
        for line in order.lines
    ]
    document = {
        "orderId": order.order_id,
        "status": order.status,
        "isCompleted": order.is_completed,
        "value": order.value_cents,
        "items": items,
    }
    return json.dumps(document, ensure_ascii=False).encode()
