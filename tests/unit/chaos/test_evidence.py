from __future__ import annotations

import math

from chaos.evidence import Waits, p99, waits_of
from unit.demo.evidence_makers import vtex

from orders_sync.demo.records import AskedCommand

ASKED = (
    AskedCommand("1-01", "invoice", "1", row=1),
    AskedCommand("1-01", "track", "1", row=2),
    AskedCommand("9-01", "invoice", "9", row=3),
)


def test_orders_wait_for_the_erp_and_invoices_for_vtex() -> None:
    waits = waits_of([vtex()], {"1-01": 11.5}, ASKED, {1: 12.0, 2: 12.0, 3: 12.0})

    assert waits == Waits(placed=(1.5,), sent=(1.0,))


def test_what_never_came_waits_for_ever() -> None:
    waits = waits_of([vtex(), vtex("2-01", invoiced_at=None)], {}, ASKED, {1: 12.0})

    assert waits == Waits(placed=(math.inf, math.inf), sent=(1.0, math.inf))


def test_the_longest_of_few_waits_counts() -> None:
    assert p99([3.0, 1.0, 2.0]) == 3.0
    assert p99([]) == 0.0
