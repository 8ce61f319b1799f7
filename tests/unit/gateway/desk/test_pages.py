from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from support.busy_desk import BusyDesk
from support.desk_site import Desk
from support.office import ORDER, STORE
from support.order_documents import document, encoded, item
from support.waiting import until

from orders_sync.demo.evidence import contains_personal_data
from orders_sync.domain.rules import Progress, Standing
from orders_sync.domain.steps import Step, StepResult
from orders_sync.ledger.journal import JournalLine
from orders_sync.testing.clock import SettableClock


@pytest.mark.parametrize("name", ["vera", "otto"])
def test_no_page_shows_a_person_to_whoever_may_not_see_any(busy: BusyDesk, name: str) -> None:
    visitor = busy.desk.visitor(name)

    texts = {path: visitor.gets(path).text for path in busy.pages()}

    assert [path for path, text in texts.items() if contains_personal_data(text, busy.people)] == []


def test_whoever_may_see_persons_sees_them(busy: BusyDesk) -> None:
    visitor = busy.desk.visitor("ines")

    shown = [
        path
        for path in busy.pages()
        if contains_personal_data(visitor.gets(path).text, busy.people)
    ]

    assert f"/desk/order?account={STORE}&id={busy.orders[0]}" in shown
    assert f"/desk/command?id={busy.commands['note']}" in shown
    assert f"/desk/stray?id={busy.stray}" in shown


def test_every_page_answers_and_is_small(busy: BusyDesk) -> None:
    visitor = busy.desk.visitor("ines")

    answers = {path: visitor.gets(path) for path in busy.pages()}

    assert {path for path, answer in answers.items() if answer.status_code >= 400} == {
        "/desk/nowhere"
    }
    assert max(len(answer.text) for answer in answers.values()) < 60_000


@pytest.mark.parametrize("language", ["en", "pt", "es"])
def test_no_page_shows_what_is_not_there(busy: BusyDesk, language: str) -> None:
    visitor, headers = busy.desk.visitor("anna"), {"Accept-Language": language}
    paths = [*busy.pages(), *busy.admin_pages()]

    texts = {path: visitor.gets(path, headers=headers).text for path in paths}

    assert [path for path, text in texts.items() if re.search(r"\bNone\b", text)] == []


def test_the_first_line_of_an_order_counts_what_vtex_is_told(busy: BusyDesk) -> None:
    page = busy.desk.visitor("vera").gets(f"/desk/order?account={STORE}&id={busy.orders[0]}").text

    [lead] = re.findall(r'<p class="lead">(.*?)</p>', page, re.DOTALL)
    words = " ".join(re.sub(r"<[^>]+>", " ", lead).split())
    assert words.startswith("done The ERP has it, and VTEX knows.")
    assert "waits for a person Invoice 2." in words
    assert "done Note 1." in words


def test_an_order_shows_its_reckoning_its_timeline_and_where_else_it_is(busy: BusyDesk) -> None:
    page = busy.desk.visitor("vera").gets(f"/desk/order?account={STORE}&id={busy.orders[0]}").text

    assert "How it adds up" in page
    assert "Read the order from VTEX:" in page
    assert f'href="https://{STORE}.myvtex.com/admin/orders/{busy.orders[0]}"' in page


@pytest.mark.parametrize(
    ("template", "reference", "address"),
    [
        (
            "https://erp.example/{account}/{reference}?order={order_id}",
            "SO/7 ç&x",
            f"https://erp.example/{STORE}/SO%2F7%20%C3%A7%26x?order={ORDER}",
        ),
        ("https://erp.example/{reference}", None, None),
        ("https://erp.example/of/{order_id}", None, f"https://erp.example/of/{ORDER}"),
        (None, "SO/7", None),
    ],
)
def test_an_order_leads_to_its_page_in_the_erp_once_there_is_one(
    make_desk: Callable[..., Desk],
    clock: SettableClock,
    template: str | None,
    reference: str | None,
    address: str | None,
) -> None:
    desk = make_desk(desk={"erp_url": template})
    keep_order(desk, clock, erp_reference=reference)

    page = desk.visitor("vera").gets(f"/desk/order?account={STORE}&id={ORDER}").text

    links = dict(re.findall(r'<a href="([^"]+)" rel="noreferrer">(.*?)</a>', page))
    assert {text: to for to, text in links.items()}.get("Open in the ERP") == address


def keep_order(desk: Desk, clock: SettableClock, **facts: Any) -> None:
    """Have an order in the ledger that the ERP has."""
    orders, now = desk.ledger.orders, clock()
    orders.look_again(STORE, ORDER, now=now)
    claim = orders.claim(STORE, ORDER, Step.FETCH, owner="me", now=now)
    assert claim is not None
    placed = StepResult(Standing.DONE, None, Progress.HANDLING, **facts)
    orders.complete(claim, placed, JournalLine(now, STORE, ORDER, "step.done"), now=now)


def test_an_order_that_does_not_add_up_says_why_that_may_be(
    desk: Desk, clock: SettableClock
) -> None:
    body = encoded(document(item("8", 2, 5000), totals={"Items": 10000}, value=9500, orderId=ORDER))
    keep_order(desk, clock, document=body)
    path = f"/desk/order?account={STORE}&id={ORDER}"

    page = desk.visitor("vera").gets(path, headers={"Accept-Language": "es"}).text

    assert "<td>-5.00</td>" in page
    assert "<p>Los totales de VTEX no suman el valor.</p>" in page


@pytest.mark.parametrize("name", ["order", "group", "sequence", "erp", "invoice", "command"])
def test_an_order_is_found_by_any_of_its_names(busy: BusyDesk, name: str) -> None:
    order_id = busy.orders[1]
    row = busy.desk.ledger.inquiries.story(STORE, order_id)[0]
    assert row is not None
    called = {
        "order": order_id,
        "group": order_id.rpartition("-")[0],
        "sequence": row["sequence"],
        "erp": row["erp_reference"],
        "invoice": "100",
        "command": busy.commands["sent"],
    }[name]

    answer = busy.desk.visitor("vera").gets("/desk/search", params={"q": f" {called} "})

    assert answer.headers.get("Location") == f"/desk/order?account={STORE}&id={order_id}"


def test_the_accounts_name_what_they_wait_for(busy: BusyDesk) -> None:
    visitor = busy.desk.visitor("vera")
    until(lambda: STORE in visitor.gets("/desk/accounts").text, "the accounts are read")

    page = visitor.gets("/desk/accounts").text

    assert f'<h2 class="small">{STORE}</h2>' in page
    assert "More is invoiced than the order is worth" in page
    assert "was never polled" not in page


def test_the_filter_is_answered_with_rows_alone_where_a_script_asks(busy: BusyDesk) -> None:
    headers = {"HX-Request": "true", "HX-Target": "accounts"}

    visitor = busy.desk.visitor("vera")
    until(lambda: STORE in visitor.gets("/desk/accounts").text, "the accounts are read")

    part = visitor.gets("/desk/accounts?filter=nothing", headers=headers).text

    assert "<html" not in part
    assert "0 of 1 accounts" in part


def test_the_figures_of_this_moment_are_drawn(busy: BusyDesk) -> None:
    visitor = busy.desk.visitor("vera")
    until(lambda: "<svg" in visitor.gets("/desk/now").text, "the figures are read")

    page = visitor.gets("/desk/now").text

    assert page.count("<svg") == 3
    assert "<dt>Parked</dt><dd>5</dd>" in page


def test_figures_come_as_events_to_whoever_is_signed_in(busy: BusyDesk) -> None:
    with busy.desk.visitor("vera").gets("/desk/now/stream", stream=True) as stream:
        lines = stream.iter_lines(decode_unicode=True)
        event = next(line for line in lines if line.startswith("event:"))

    assert stream.headers["Content-Type"].startswith("text/event-stream")
    assert event == "event: figures"
    assert busy.desk.visitor().gets("/desk/now/stream").status_code == 403


def test_a_problem_of_the_desk_tells_no_more_than_where_to_look(desk: Desk) -> None:
    visitor = desk.visitor("vera")
    desk.ledger.inquiries.command = None  # type: ignore[method-assign, assignment]

    answer = visitor.gets("/desk/command?id=1")

    assert answer.status_code == 500
    assert "desk.failed" in answer.text
    assert "Traceback" not in answer.text
