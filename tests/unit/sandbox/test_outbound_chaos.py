from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
import requests

from orders_sync.sandbox import Box

Call = Callable[..., requests.Response]
Sale = Callable[..., dict[str, Any]]
Said = tuple[str, str, Any]

NOTE = {"source": "ERP", "message": "Document 12"}
CHANGE = {"reason": "Sorry", "manualDiscountValue": 1}
CARRIAGE = {"trackingNumber": "BR1", "trackingUrl": None, "courier": None, "dispatchedDate": None}


@pytest.fixture
def send(shop: requests.Session, sale: Sale, order_id: str) -> Callable[[str], requests.Response]:
    """Send one kind of news about the order."""
    oms = f"http://vtex/api/oms/pvt/orders/{quote(order_id, safe='')}"
    system = f"http://vtex/api/order-system/orders/{quote(order_id, safe='')}"
    said: dict[str, Said] = {
        "invoice": ("POST", oms + "/invoice", sale(order_id)),
        "update_invoice": ("PATCH", oms + "/invoice/NF1", CARRIAGE),
        "cancel": ("POST", oms + "/cancel", {}),
        "create_change": ("PATCH", system + "/changes?accountName=mystore", CHANGE),
        "add_interaction": ("POST", oms + "/interactions", NOTE),
    }

    def one(name: str) -> requests.Response:
        method, url, body = said[name]
        return shop.request(method, url, json=body)

    return one


NAMES = ["invoice", "update_invoice", "cancel", "create_change", "add_interaction"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("dial", "effect"), [("drop_before", False), ("drop_after", True), ("unavailable", False)]
)
def test_a_lost_answer_may_hide_an_effect(
    box: Box,
    send: Callable[[str], requests.Response],
    order_id: str,
    name: str,
    dial: str,
    *,
    effect: bool,
) -> None:
    if name == "update_invoice":
        send("invoice")
    box.dials.turn({dial: 1.0})

    if dial == "unavailable":
        assert send(name).status_code == 503
    else:
        with pytest.raises(requests.ConnectionError):
            send(name)

    last = box.calls(order_id)[-1]
    assert (last.call, last.order_id, last.effect) == (name, order_id, effect)


@pytest.mark.parametrize("name", NAMES)
def test_a_key_may_lack_the_permission(
    box: Box, send: Callable[[str], requests.Response], order_id: str, name: str
) -> None:
    before = box.order(order_id).status
    box.dials.forbidden = [name]

    assert send(name).status_code == 403
    assert box.order(order_id).status == before


def test_an_invoice_sent_again_after_a_lost_answer_counts_once(
    box: Box, send: Callable[[str], requests.Response], order_id: str
) -> None:
    box.dials.drop_after = 1.0
    with pytest.raises(requests.ConnectionError):
        send("invoice")
    box.dials.drop_after = 0.0

    assert send("invoice").status_code == 200
    assert box.order(order_id).invoice_effects == {"NF1": 1}
    assert box.order(order_id).doubled == ()


def test_the_record_says_what_each_call_was_about(
    box: Box, send: Callable[[str], requests.Response], order_id: str
) -> None:
    for name in ("invoice", "update_invoice", "cancel"):
        send(name)

    seen = [(one.call, one.effect, one.about) for one in box.calls(order_id)]

    assert seen == [
        ("invoice", True, "NF1"),
        ("update_invoice", True, "NF1 BR1"),
        ("cancel", False, None),
    ]


def test_the_view_is_json(box: Box, shop: requests.Session, call: Call, order_id: str) -> None:
    call("POST", order_id, "/interactions", NOTE)
    url = "http://vtex/_sandbox/orders"

    views = {view["order_id"]: view for view in shop.get(url).json()["orders"]}

    view = views[order_id]
    assert view["interactions"] == [["ERP", "Document 12"]]
    assert (view["packages"], view["invoices_total"], view["doubled"]) == ([], 0, [])
    assert {"refunds", "invoice_effects", "cancellations", "cancel_effects", "changes"} <= set(view)
    assert len(views) == len(box.orders())
