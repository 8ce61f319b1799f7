"""One reading of how things stand is shared by all who look."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from support.desk_site import Desk
from support.office import STORE, Office
from support.parking import parked_invoice
from support.waiting import DEADLINE_SECONDS, until

from orders_sync.doctor.findings import Finding, State
from orders_sync.gateway.desk.figures import HEIGHT, WIDTH, bar_chart, line_chart
from orders_sync.gateway.desk.live import LiveFigures, Look, Sample
from orders_sync.gateway.rights import Rights, Scope
from orders_sync.ledger.journal import Act
from orders_sync.status.overview import AccountOverview, Overview, WorkCounts
from orders_sync.testing.clock import SettableClock
from orders_sync.traffic.limiter import Used

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
FINDINGS = [
    Finding("one", "feed", State.FAILED, "late"),
    Finding("two", "feed", State.FAILED, "late"),
    Finding("broker", "reachable", State.FAILED, "away"),
    Finding("one", "parked orders", State.WARNING, "1: x"),
]


def look_of(samples: Sequence[Sample] = ()) -> Look:
    accounts = [
        AccountOverview("one", 5.0, open_breakers=()),
        AccountOverview("two", 50.0, open_breakers=()),
        AccountOverview("three", 1.0, open_breakers=("erp",)),
    ]
    overview = Overview(NOW, accounts, 0, None)
    bars = {"one": (1,) * 30, "two": (2,) * 30}
    return Look(overview, FINDINGS, frozenset({"one", "two", "three"}), bars, {}, samples)


def rights(*accounts: str) -> Rights:
    return Rights("ana", {Scope.READ}, accounts or None)


class Readings:
    """Counts readings; a clock that is moved by hand."""

    def __init__(self) -> None:
        self.count = 0
        self.fails = False
        self.now = 1000.0
        self.live = LiveFigures(self.read, lambda: self.now, patience=DEADLINE_SECONDS)

    def read(self, samples: Sequence[Sample]) -> Look:
        self.count += 1
        if self.fails:
            raise OSError
        return look_of(samples)


def test_all_who_look_share_one_reading() -> None:
    readings = Readings()

    looks = [readings.live.look() for _ in range(20)]

    assert readings.count == 1
    assert all(look is not None for look in looks)


def test_it_is_read_again_after_a_while_and_nobody_waits_for_that() -> None:
    readings = Readings()
    first = readings.live.look()
    readings.now += 6

    at_once = readings.live.look()

    assert at_once is first
    until(lambda: readings.live.look() is not first, "the second reading")
    assert readings.count == 2


def test_what_cannot_be_read_is_not_shown_as_if_it_were_new() -> None:
    readings = Readings()
    assert readings.live.look() is not None
    readings.fails = True
    readings.now += 61

    assert readings.live.look() is None


def test_a_page_comes_without_findings_while_they_are_read_and_gets_them_after(
    make_desk: Callable[..., Desk], clock: SettableClock
) -> None:
    may_end = threading.Event()

    def read(samples: Sequence[Sample]) -> Look:
        may_end.wait()
        return look_of(samples)

    desk = make_desk(live=LiveFigures(read, lambda: 1000.0))
    parked_invoice(Office(desk.ledger, clock))
    visitor = desk.visitor("vera")

    early = visitor.gets("/desk/").text
    may_end.set()

    assert "Load the page again." in early
    assert "More is invoiced than the order is worth" in early
    asks = {"HX-Request": "true", "HX-Target": "system"}
    until(lambda: "broker: reachable" in visitor.gets("/desk/", headers=asks).text, "the findings")
    assert "<html" not in visitor.gets("/desk/", headers=asks).text
    assert "broker: reachable" in visitor.gets("/desk/").text


def test_an_account_shows_why_its_work_waits_and_what_it_may_call(
    make_desk: Callable[..., Desk],
) -> None:
    now = datetime.now(UTC)
    account = AccountOverview(
        STORE,
        1500.0,
        WorkCounts(12, {"traffic.budget": 7, "vtex.unavailable": 2}, {"erp.item_unmapped": 3}),
        WorkCounts(0, {}, {}),
        last_successful_poll_at=now - timedelta(hours=1),
        poll_rests_until=now + timedelta(minutes=5),
        budget=Used(calls=240, per_minute=250, budget=300, held_seconds=45.0),
        open_breakers=("get_order", "erp"),
        paused_since=now - timedelta(minutes=10),
    )
    unread = AccountOverview("otherstore")
    look = Look(Overview(now, [account, unread], 0, None), [], frozenset(), {}, {}, ())
    desk = make_desk(live=LiveFigures(lambda _: look, lambda: 1000.0, patience=DEADLINE_SECONDS))

    page = desk.visitor("vera").gets("/desk/accounts").text

    cards = re.findall(r'<h2 class="small">(\w+)</h2>(.*?)</li>', page, re.DOTALL)
    assert [name for name, _ in cards] == [STORE, "otherstore"]
    assert facts_of(cards[0][1]) == {
        "Lag": "25 mins",
        "Orders": "12 on their way · waiting: The budget of calls is used up for now 7; "
        "VTEX does not answer 2 · parked: The ERP has no product for a SKU 3",
        "Commands": "0 on their way",
        "Last poll": "1 hour ago · failed, again in 5 minutes",
        "Budget": "240 of 300 calls in the last minute · held for 45 secs",
        "Breakers": "open: get_order, erp",
        "Paused": "10 minutes ago",
    }
    assert set(facts_of(cards[1][1]).values()) == {"\N{EN DASH}"}


def facts_of(card: str) -> dict[str, str]:
    """Return what a card says, by its labels."""
    pairs = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", card, re.DOTALL)
    return {label: " ".join(re.sub(r"<[^>]+>", "", text).split()) for label, text in pairs}


def test_everybody_is_shown_what_is_theirs() -> None:
    look = look_of([Sample(NOW, {"one": 5.0, "two": 50.0})])

    assert [each.account for each in look.accounts_for(rights())] == ["three", "two", "one"]
    assert [each.account for each in look.accounts_for(rights("one"))] == ["one"]
    assert {each.subject for each in look.findings_for(rights(), None)} == {"one", "two", "broker"}
    assert {each.subject for each in look.findings_for(rights("two"), None)} == {"two"}
    assert sum(look.bars_for(rights())[0]) == 90
    assert sum(look.bars_for(rights("one"))[0]) == 30
    assert look.lags_for(rights("one")) == [(NOW, 5.0)]


@pytest.mark.parametrize("numbers", [[], [0] * 30, [0, 5, 10], [1] * 30])
def test_bars_stay_inside_their_chart(numbers: list[int]) -> None:
    chart = bar_chart(numbers)

    assert all(bar.x + bar.width <= WIDTH for bar in chart.bars)
    assert all(bar.y >= 0 and bar.y + bar.height <= HEIGHT + 0.2 for bar in chart.bars)
    assert len(chart.bars) == sum(number > 0 for number in numbers)


def test_a_line_goes_from_edge_to_edge() -> None:
    values = [(NOW + timedelta(seconds=5 * n), float(n)) for n in range(3)]

    assert line_chart(values).points == f"0.0,{HEIGHT}.0 {WIDTH / 2},60.0 {WIDTH}.0,0.0"
    assert line_chart(values[:1]).points == ""


def test_so_many_may_watch_and_no_more(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(desk={"streams": 1})
    visitor = desk.visitor("vera")

    with visitor.gets("/desk/now/stream", stream=True) as first:
        # Once nobody has the lines, the connection is closed.
        lines = first.iter_lines()
        next(lines)
        second = desk.visitor("otto").gets("/desk/now/stream")

    assert (first.status_code, second.status_code) == (200, 503)
    assert second.headers["Retry-After"] == "60"


def test_a_page_of_five_hundred_accounts_stays_small(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(accounts=[f"store{number:03}" for number in range(500)])
    visitor = desk.visitor("vera")
    until(lambda: "store0" in visitor.gets("/desk/accounts").text, "the accounts are read")

    page, filtered = visitor.gets("/desk/accounts").text, visitor.gets("/desk/accounts?filter=499")

    assert "500 of 500 accounts" in page
    assert len(page) < 200_000
    assert "store499" in filtered.text
    assert "1 of 500 accounts" in filtered.text


def test_a_disabled_account_says_so_and_is_last(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(accounts=["adams", "zebra"])
    act = Act(datetime.now(UTC), "anna")
    desk.ledger.kept_accounts.disable("adams", act)
    visitor = desk.visitor("vera")
    until(lambda: "zebra" in visitor.gets("/desk/accounts").text, "the accounts are read")

    page = visitor.gets("/desk/accounts").text

    cards = re.findall(r'<h2 class="small">(\w+)</h2>(.*?)</li>', page, re.DOTALL)
    assert [name for name, _ in cards] == ["zebra", "adams"]
    assert "The account is disabled" in cards[1][1]
    assert "Last poll" in cards[0][1]
    assert "Last poll" not in cards[1][1]
