"""An invoice whose number VTEX has: each field is the same, is sent, or is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support.fulfilments import NOW, ORDER, known, package, seconds_ago

from orders_sync.commands.invoice import InvoiceBody, judge_invoice
from orders_sync.commands.track import TrackBody, Tracking
from orders_sync.commands.verdicts import (
    AlreadyInVtex,
    Intent,
    NotAllowed,
    Send,
    SentInvoice,
    Verdict,
    Wait,
)
from orders_sync.domain.fulfilment import PackageItem

ITEMS = [{"sku": "A", "quantity": 3}, {"line_id": "L1", "quantity": 1}]
PAPERS = {"access_key": "35", "url": "https://n/1", "issued_at": NOW}
LATE = {"tracking_number": "LATE1", "courier": "Ipê", "tracking_url": "https://t/LATE1"}


def invoice(**body: Any) -> InvoiceBody:
    return InvoiceBody.model_validate({"number": "NF-1", **body})


def judge(body: dict[str, Any], facts: dict[str, Any] | None = None, **shown: Any) -> Verdict:
    standing = package("NF-1", 1300, items=(PackageItem(0, 3, 200), PackageItem(1, 1, 200)))
    order = replace(ORDER, status="invoiced", packages=(replace(standing, **shown),))
    return judge_invoice(invoice(**body), order, known(**(facts or {})))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="nothing but its number"),
        pytest.param({"number": "nf 1"}, id="spelt otherwise"),
        pytest.param({"value_cents": 1300}, id="its value"),
        pytest.param({"access_key": "35", "url": "https://n/1", "cfop": "5102"}, id="its papers"),
        pytest.param({"items": ITEMS}, id="its items"),
        pytest.param({"issued_at": NOW - timedelta(hours=3)}, id="its day, by another offset"),
        pytest.param({"tracking_number": "T1"}, id="its tracking"),
    ],
)
def test_a_repeat_of_what_vtex_shows_is_already_so(body: dict[str, Any]) -> None:
    shown: dict[str, Any] = {
        "access_key": "35",
        "url": "https://n/1",
        "cfop": "5102",
        "issued_at": NOW,
    }

    assert isinstance(judge(body, tracking_number="T1", **shown), AlreadyInVtex)


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        pytest.param({"type": "Input"}, "invoice.number_taken", id="type"),
        pytest.param({"value_cents": 1299}, "invoice.number_taken", id="value"),
        pytest.param({"access_key": "36"}, "invoice.differs", id="access_key"),
        pytest.param({"url": "https://n/2"}, "invoice.differs", id="url"),
        pytest.param({"cfop": "6102"}, "invoice.differs", id="cfop, which VTEX lacks"),
        pytest.param({"items": [{"sku": "A", "quantity": 2}]}, "invoice.differs", id="items"),
        pytest.param(
            {"items": [{**item, "price_cents": 1} for item in ITEMS]},
            "invoice.differs",
            id="prices of items",
        ),
        pytest.param({"embedded_invoice": "<nfe/>"}, "invoice.differs", id="embedded_invoice"),
        pytest.param({"issued_at": NOW - timedelta(days=3)}, "invoice.differs", id="issued_at"),
        pytest.param({"tracking_number": "T2"}, "invoice.tracking_differs", id="tracking_number"),
    ],
)
def test_what_vtex_cannot_correct_is_refused_by_name(body: dict[str, Any], cause: str) -> None:
    shown: dict[str, Any] = {
        "access_key": "35",
        "url": "https://n/1",
        "issued_at": NOW,
        "tracking_number": "T1",
    }

    verdict = judge(body, **shown)

    assert isinstance(verdict, NotAllowed)
    assert verdict.cause == cause
    assert cause != "invoice.differs" or next(iter(body)) in verdict.reason


def test_tracking_that_came_later_is_sent_as_tracking() -> None:
    verdict = judge(LATE)

    assert isinstance(verdict, Send)
    assert isinstance(verdict.what, Tracking)
    parcel = verdict.what.parcel
    assert parcel is not None
    assert {name: getattr(parcel, name) for name in LATE} == LATE
    assert verdict.what.progress is None


@pytest.mark.parametrize(
    "word",
    [
        pytest.param({"courier": "Ipê"}, id="courier"),
        pytest.param({"tracking_url": "https://t/1"}, id="tracking_url"),
        pytest.param({"dispatched_at": NOW}, id="dispatched_at"),
    ],
)
def test_one_more_word_of_a_parcel_that_has_its_number_is_sent(word: dict[str, Any]) -> None:
    verdict = judge(word, tracking_number="T1")

    assert isinstance(verdict, Send)
    parcel = verdict.what.parcel
    assert (parcel.tracking_number, {name: getattr(parcel, name) for name in word}) == ("T1", word)


def test_the_time_of_dispatch_is_sent_where_vtex_was_not_told_it() -> None:
    body = {"tracking_number": "T1", "dispatched_at": NOW}
    sent = SentInvoice(
        1300, seconds_ago(99), read_body=lambda: invoice(tracking_number="T1", courier="Ipê")
    )

    verdict = judge(body, {"sent_invoices": {"NF-1": sent}}, tracking_number="T1", courier="Ipê")

    assert isinstance(verdict, Send)
    assert verdict.what.parcel.dispatched_at == NOW


@pytest.mark.parametrize("more", [{}, {"items": ITEMS}])
def test_what_was_sent_before_is_not_sent_over_its_correction(more: dict[str, Any]) -> None:
    sent = SentInvoice(1300, seconds_ago(99), read_body=lambda: invoice(**LATE, **more))
    facts = {"sent_invoices": {"NF-1": sent}}

    assert isinstance(judge({**LATE, **more}, facts, tracking_number="RIGHT"), AlreadyInVtex)


def test_tracking_in_a_repeat_waits_for_other_tracking_to_show() -> None:
    other = TrackBody(invoice_number="NF-1", tracking_number="T9")
    content = f'{{"body": {other.model_dump_json(exclude_none=True)}}}'
    intent = Intent("track", seconds_ago(5), "NF-1", content=content)

    assert isinstance(judge(LATE, {"intents": [intent]}), Wait)


def test_our_own_invoice_whose_answer_was_lost_is_not_compared() -> None:
    own = Intent("invoice", seconds_ago(40), "NF-1", 1300, content="Output")

    verdict = judge({"cfop": "5102", "value_cents": 1300}, {"own_intent": own})

    assert isinstance(verdict, AlreadyInVtex)


def test_a_number_that_may_be_of_two_invoices_is_refused() -> None:
    order = replace(ORDER, packages=(package("1-23", 5), package("12-3", 5)))

    verdict = judge_invoice(invoice(number="123"), order, known())

    assert isinstance(verdict, NotAllowed)
    assert verdict.cause == "invoice.number_unclear"


def test_another_spelling_waits_for_an_answer_that_was_lost() -> None:
    lost = Intent("invoice", seconds_ago(5), "000.123-1", 1300, content="Output")

    verdict = judge_invoice(invoice(number="0001231"), ORDER, known(intents=[lost]))

    assert isinstance(verdict, Wait)
