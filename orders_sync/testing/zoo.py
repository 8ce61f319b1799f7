"""Orders of every kind that VTEX has, and of every kind that makes an ERP stumble.

Each kind turns an order that the ERP can take into one of the kind, with the same SKUs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Final

from orders_sync.domain.amounts import ChargedService, Reason, Reckoning
from orders_sync.domain.order import Address, Component, Order, OrderLine, Payment, Source
from orders_sync.testing.factories import make_delivery, make_line

Kind = Callable[[Order], Order]

#: Shoppers' texts are free, but for NUL and halves of characters, which no order has.
_LETTERS: Final = (
    "Zoë 🎁 'Ñ\"; -- \\ %s {0} <b>&amp;</b> \uff31\uff35 \u05e9\u05dc\u202e\u200d e\u0301\ufffd"
)
_LINES: Final = "first\r\nsecond\n\tthird\u2028fourth"
_LONG: Final = "ç🧵 " * 3_000
_BRASILIA: Final = timezone(timedelta(hours=-3))
_BILLION_CENTS: Final = 10**11


def with_lines(order: Order, *lines: OrderLine) -> Order:
    """Return an order of these lines, whose value is what they cost with its freight."""
    goods = sum(line.total_cents + line.tax_cents for line in lines)
    goods += sum(service.total_cents for line in lines for service in line.services)
    value = goods + order.totals.shipping_cents
    totals = replace(order.totals, items_cents=goods, discounts_cents=0, tax_cents=0)
    model = order.deliveries[0] if order.deliveries else make_delivery()
    return replace(
        order,
        lines=lines,
        value_cents=value,
        totals=totals,
        reckoning=Reckoning(lines_cents=goods, freight_cents=order.totals.shipping_cents),
        deliveries=tuple(replace(model, line_index=line.index) for line in lines),
        payments=tuple(replace(payment, value_cents=value) for payment in order.payments[:1]),
    )


def _first(order: Order) -> OrderLine:
    return order.lines[0] if order.lines else make_line()


def _of_line(**changes: object) -> Kind:
    def change(order: Order) -> Order:
        line = replace(_first(order), index=0, **changes)  # type: ignore[arg-type]  # Each kind names fields of a line.
        return with_lines(order, line)

    return change


def _kit(order: Order) -> Order:
    parts = tuple(
        Component(f"C{n}", f"90{n}", f"90{n}", f"REF-90{n}", f"Peça {n}", n) for n in (1, 2)
    )
    return with_lines(order, replace(_first(order), index=0, components=parts))


def _services(order: Order) -> Order:
    wrap = ChargedService("7", "Embrulho 🎁", "Gift", 2, 150)
    warranty = ChargedService("8", "Garantia", "Warranty", 1, 990, is_in_line=True)
    return with_lines(order, replace(_first(order), index=0, services=(wrap, warranty)))


def _gift(order: Order) -> Order:
    line = replace(_first(order), index=0)
    gift = replace(line, index=1, line_id="GIFT", quantity=1, total_cents=0, is_gift=True)
    return with_lines(order, line, gift)


def _added_line(order: Order) -> Order:
    """Add a line without an id, and a gap where another was."""
    line = replace(_first(order), index=0)
    return with_lines(order, line, replace(line, index=3, line_id="", quantity=2))


def _many_lines(order: Order) -> Order:
    line = _first(order)
    rows = (
        replace(line, index=n, line_id=f"L{n}", quantity=n + 1, total_cents=n * 7)
        for n in range(120)
    )
    return with_lines(order, *rows)


def _worth_nothing(order: Order) -> Order:
    order = replace(order, totals=replace(order.totals, shipping_cents=0))
    return _of_line(total_cents=0, tax_cents=0, selling_price_cents=0)(order)


def _pickup(order: Order) -> Order:
    place = replace(_home(order), kind="pickup", receiver=None, street="Praça da Estação")
    delivery = make_delivery(
        order.lines[0].index if order.lines else 0,
        channel="pickup-in-point",
        pickup_point_id="1_loja-centro",
        address=place,
        company=None,
        courier_id=None,
        courier_name=None,
        window_from=None,
        window_until=None,
    )
    return replace(order, deliveries=(delivery,), address=place)


def _two_addresses(order: Order) -> Order:
    lines = [replace(_first(order), index=n, line_id=f"L{n}") for n in range(2)]
    order = with_lines(order, *lines)
    places = (_home(order), replace(_home(order), street="Alameda dos Escritórios", number="77"))
    deliveries = tuple(
        replace(delivery, address=place)
        for delivery, place in zip(order.deliveries, places, strict=True)
    )
    return replace(order, deliveries=deliveries)


def _from_two_warehouses(order: Order) -> Order:
    sources = (Source("1_1", "d1", "c1", "Ipê", 1), Source("1_2", None, None, None, None))
    return replace(
        order, deliveries=tuple(replace(row, sources=sources) for row in order.deliveries)
    )


def _company(order: Order) -> Order:
    customer = replace(
        order.customer,
        is_corporate=True,
        corporate_name="Comercial d'Ávila & Cia Ltda",
        corporate_document="00000000000000",
        trade_name="D'Ávila",
        state_inscription="Isento",
        corporate_phone="+551100000000",
        customer_class="VIP",
        customer_code="C-1",
    )
    return replace(order, customer=customer, invoice_address=_home(order))


def _paid_by_marketplace(order: Order) -> Order:
    payment = Payment(
        id=None,
        system="0",
        name="Assumed value by affiliate",
        group="promissory",
        value_cents=order.value_cents,
        installments=1,
        transaction_id="PAYMENT-FROM-AFFILIATE",
        authorization="A-7",
        acquirer_document="00000000000000",
        is_by_marketplace=True,
    )
    reckoning = Reckoning(difference_cents=order.value_cents, reason=Reason.MARKETPLACE)
    return replace(order, payments=(payment,), reckoning=reckoning)


def _paid_in_parts(order: Order) -> Order:
    payments = tuple(
        Payment(f"P{n}", f"{n}", f"Cartão {n}", "creditCard", order.value_cents // 3, n, "T")
        for n in (1, 2, 12)
    )
    return replace(order, payments=payments)


def _texts(text: str) -> Kind:
    """Put one text wherever a shopper or a store may write one."""

    def write(order: Order) -> Order:
        place = replace(
            _home(order), receiver=text, street=text, number=text, complement=text, reference=text
        )
        customer = replace(order.customer, first_name=text, last_name=text, phone=text)
        lines = tuple(replace(line, name=text) for line in order.lines)
        deliveries = tuple(
            replace(row, address=place, sla=text, company=text) for row in order.deliveries
        )
        return replace(
            order,
            customer=customer,
            address=place,
            lines=lines,
            deliveries=deliveries,
            remark=text,
        )

    return write


def _gaps(order: Order) -> Order:
    """Leave out all that may be missing."""
    customer = replace(
        order.customer,
        first_name="",
        last_name="",
        document_type=None,
        document=None,
        email=None,
        phone=None,
    )
    return replace(
        order,
        customer=customer,
        address=None,
        invoice_address=None,
        payments=(),
        deliveries=(),
        created_at=None,
        currency=None,
        sequence=None,
        order_group=None,
        marketplace_order_id=None,
        seller_order_id=None,
        origin=None,
        sales_channel=None,
        remark=None,
        custom_data=None,
        status=None,
    )


def _empty_address(order: Order) -> Order:
    place = Address(*[None] * 11)
    return replace(
        order,
        address=place,
        deliveries=tuple(replace(row, address=place) for row in order.deliveries),
    )


def _other_clock(order: Order) -> Order:
    return replace(order, created_at=datetime(2026, 11, 28, 23, 59, 59, 999_999, _BRASILIA))


def _long_ago(order: Order) -> Order:
    return replace(order, created_at=datetime(2014, 1, 1, tzinfo=UTC), document=b'{"items": []}')


def _home(order: Order) -> Address:
    return order.address or Address(*["Rua Um"] * 11)


#: By name.
ZOO: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "goods by weight": _of_line(
            quantity=3, unit_multiplier=0.412, measurement_unit="kg", total_cents=1237
        ),
        "a total that VTEX rounded": _of_line(
            quantity=3, selling_price_cents=333, total_cents=1000
        ),
        "taxed": _of_line(quantity=3, total_cents=1797, tax_cents=645),
        "worth nothing": _worth_nothing,
        "worth a billion": _of_line(quantity=1, total_cents=_BILLION_CENTS),
        "a million pieces": _of_line(quantity=10**6, total_cents=10**6),
        "a kit": _kit,
        "with services": _services,
        "with a gift of the same SKU": _gift,
        "with an added line": _added_line,
        "of 120 lines": _many_lines,
        "picked up": _pickup,
        "to two addresses": _two_addresses,
        "to an address without a word": _empty_address,
        "from two warehouses": _from_two_warehouses,
        "of a company": _company,
        "paid by a marketplace": _paid_by_marketplace,
        "paid in parts": _paid_in_parts,
        "in any letters": _texts(_LETTERS),
        "in several lines": _texts(_LINES),
        "in long texts": _texts(_LONG),
        "with gaps": _gaps,
        "by another clock": _other_clock,
        "of long ago": _long_ago,
    }
)
