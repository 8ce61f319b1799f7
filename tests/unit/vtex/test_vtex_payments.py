"""Payments of an order, and the orders of one purchase."""

from __future__ import annotations

import pytest
from unit.vtex.recording import client_of

from orders_sync.domain.order import Payment
from orders_sync.errors import Unreadable
from orders_sync.vtex.exchange import Response
from orders_sync.vtex.order_group import GroupedOrder
from orders_sync.vtex.payments import PaymentTransaction


def test_a_transaction_is_read_without_the_card() -> None:
    client, _ = client_of("payment-transaction")

    found = client.get_payment_transaction("1-01")

    assert found == PaymentTransaction(
        transaction_id="CB452D77E7D04099A4DB0479087B1D2C",
        status="Finished",
        is_active=True,
        merchant_name="MYSTORE",
        payments=(
            Payment(
                id="721CBE1090324D12ABE301FE33DE775A",
                system="4",
                name="Mastercard",
                group="creditCard",
                value_cents=10150,
                installments=2,
            ),
        ),
    )
    assert "412341" not in repr(found)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"payments": [{"value": "ten"}]}'])
def test_an_answer_that_is_no_transaction_is_unreadable(body: bytes) -> None:
    client, _ = client_of(Response(200, {}, body))

    with pytest.raises(Unreadable, match="get_payment_transaction 1-01"):
        client.get_payment_transaction("1-01")


def test_a_payment_is_notified_without_a_body() -> None:
    client, recorder = client_of(Response(200))

    client.notify_payment("1/01", "P/1")

    path = "/api/oms/pvt/orders/1%2F01/payments/P%2F1/payment-notification"
    assert recorder.sent == ("POST", path, None)


def test_the_orders_of_a_purchase_are_read() -> None:
    client, recorder = client_of("order-group")

    orders = client.get_order_group("v7/str")

    assert recorder.requests[0].path == "/api/oms/pvt/orders/order-group/v7%2Fstr"
    assert orders == (
        GroupedOrder(
            "v71425090str-01", "handling", True, "Marketplace", "00-v71425090str-01", 5458
        ),
        GroupedOrder("v71425090str-02", None, False, "Marketplace", "SLR-v71425090str-02", 999),
    )


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b'[{"orderId": "1-01"}]'])
def test_an_answer_that_is_no_group_is_unreadable(body: bytes) -> None:
    client, _ = client_of(Response(200, {}, body))

    with pytest.raises(Unreadable, match="group"):
        client.get_order_group("v7str")
