"""The demo's own sum of an order: what the ERP has of it, against what was sold.

It shares no code with `domain/amounts.py`, which it judges.
"""

from __future__ import annotations

from collections.abc import Iterable

from orders_sync.demo.records import ErpOrder, SoldLine, VtexOrder


def adds_up(erp: ErpOrder) -> bool:
    """Check whether the parts that the ERP has make the value that it has."""
    parts = erp.freight_cents + erp.beside_cents + erp.changes_cents + erp.other_cents
    return _goods(erp.lines) + parts + erp.difference_cents == erp.value_cents


def is_as_sold(order: VtexOrder, erp: ErpOrder) -> bool:
    """Check whether each part that the ERP has is as VTEX sold it, in an order without changes.

    What a marketplace took off is a sum of VTEX's or, by right, none.
    """
    sold = _goods(order.lines) + order.freight_cents + order.other_cents
    return (
        sold == order.value_cents == erp.value_cents
        and erp.freight_cents + erp.beside_cents == order.freight_cents
        and erp.other_cents + erp.difference_cents == order.other_cents
        and erp.changes_cents == 0
        and sorted(order.lines, key=repr) == sorted(erp.lines, key=repr)
    )


def has_the_lines(order: VtexOrder, erp: ErpOrder) -> bool:
    """Check whether the ERP has the lines and the cents of an order that somebody changed."""
    sold = _goods(order.lines) + order.freight_cents + order.other_cents
    parts = erp.freight_cents + erp.beside_cents + erp.changes_cents + erp.other_cents
    known = _goods(erp.lines) + parts + erp.difference_cents
    rows = [sorted((line.sku, line.quantity) for line in side.lines) for side in (order, erp)]
    return sold == order.value_cents == erp.value_cents == known and rows[0] == rows[1]


def _goods(lines: Iterable[SoldLine]) -> int:
    return sum(line.total_cents + line.tax_cents + line.service_cents for line in lines)
