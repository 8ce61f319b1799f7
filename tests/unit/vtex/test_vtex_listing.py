"""The list of orders: what is asked, how odd rows are read, and how a long list is walked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.vtex.calls import FILTER
from unit.vtex.order_index import OrderIndex
from unit.vtex.recording import client_of

from orders_sync.errors import Unreadable
from orders_sync.vtex.exchange import Response
from orders_sync.vtex.orders import OrderFilter, TimeSpan

START = datetime(2026, 11, 1, tzinfo=UTC)
END = START + timedelta(days=7)


def index_of(*created: datetime) -> OrderIndex:
    return OrderIndex({f"{number}-01": at for number, at in enumerate(created)})


def test_a_page_is_asked_for_with_every_filter() -> None:
    client, recorder = client_of("order-list")

    client.list_orders(FILTER, page=2, per_page=50, order_by="orderId,desc")

    span = "[2026-11-24T12:00:00.000Z TO 2026-11-25T12:00:00.000Z]"
    assert recorder.requests[0].query == {
        "orderBy": "orderId,desc",
        "page": "2",
        "per_page": "50",
        "f_status": "handling,invoiced",
        "f_creationDate": f"creationDate:{span}",
        "f_authorizedDate": f"authorizedDate:{span}",
        "f_invoicedDate": f"invoicedDate:{span}",
        "salesChannelId": "1",
        "q": "banana",
        "incompleteOrders": "false",
    }


def test_an_empty_filter_asks_for_nothing_special() -> None:
    client, recorder = client_of("order-list")

    client.list_orders()

    assert recorder.requests[0].query.keys() == {"orderBy", "page", "per_page"}


def test_the_rows_of_a_page_are_read() -> None:
    client, _ = client_of("order-list")

    page = client.list_orders()

    first, second = page.rows
    assert (page.paging.total, page.paging.pages) == (2, 1)
    assert (first.order_id, first.status, first.total_value) == (
        "1306331686122-01",
        "invoiced",
        7453,
    )
    assert first.authorized_date == datetime(2026, 2, 4, 10, 31, 54, tzinfo=UTC)
    assert second.creation_date == datetime(2026, 2, 4, 10, 30, 43, 583864, tzinfo=UTC)
    assert (first.workflow_in_error_state, second.workflow_in_error_state) == (False, True)


def test_no_repr_of_a_row_shows_the_shoppers_name() -> None:
    client, _ = client_of("order-list")

    assert "Maria" not in repr(client.list_orders())


@pytest.mark.parametrize("order_id", [b'"\\ud800"', b'"1\xff"', b'""', b"7" * 5000])
def test_a_row_whose_id_cannot_be_read_hides_no_other_row(order_id: bytes) -> None:
    rows = b'[{"orderId": %b}, {"orderId": "2-01"}]' % order_id
    client, _ = client_of(Response(200, {}, b'{"list": %b, "paging": {"total": 2}}' % rows))

    assert [row.order_id for row in client.list_orders().rows] == ["2-01"]


def test_a_page_of_more_rows_than_were_asked_for_is_refused() -> None:
    rows = b"null, " * 30 + b'{"orderId": "2-01"}'
    client, _ = client_of(Response(200, {}, b'{"list": [%b], "paging": {"total": 2}}' % rows))

    with pytest.raises(Unreadable, match="asked for 30 rows at most and answered 31"):
        client.list_orders(per_page=30)


def test_an_odd_row_hides_no_other_row() -> None:
    client, _ = client_of("order-list-odd-rows")

    odd, plain = client.list_orders().rows

    assert odd.order_id == "1-01"
    assert [odd.status, odd.creation_date, odd.total_value, odd.total_items] == [None] * 4
    assert [odd.order_is_complete, odd.sequence] == [None] * 2
    assert (plain.status, plain.total_value) == ("a-status-of-tomorrow", 1160)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"list": []}', b'{"list": 1, "paging": {"total": 1}}']
)
def test_an_answer_that_is_no_page_is_unreadable(body: bytes) -> None:
    client, _ = client_of(Response(200, {}, body))

    with pytest.raises(Unreadable, match="list of orders"):
        client.list_orders()


@pytest.mark.parametrize(("page", "per_page"), [(0, 100), (31, 100), (1, 0), (1, 101)])
def test_a_page_that_vtex_does_not_give_is_not_asked_for(page: int, per_page: int) -> None:
    client, recorder = client_of()

    with pytest.raises(ValueError, match="must be 1 to"):
        client.list_orders(page=page, per_page=per_page)
    assert recorder.requests == []


def test_a_span_is_widened_to_whole_milliseconds_of_utc() -> None:
    offset = timezone(timedelta(hours=-3))
    start = datetime(2026, 1, 1, 9, 0, 0, 1999, tzinfo=offset)

    span = TimeSpan(start, start + timedelta(microseconds=2))

    assert span.to_wire("creationDate") == (
        "creationDate:[2026-01-01T12:00:00.001Z TO 2026-01-01T12:00:00.003Z]"
    )


def test_a_span_without_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="offset"):
        TimeSpan(START, datetime(2026, 1, 1))  # noqa: DTZ001 - the case is that it is missing.


@given(st.integers(0, 10**9), st.integers(1, 50))
def test_the_parts_of_a_span_leave_no_gap(ticks: int, parts: int) -> None:
    whole = TimeSpan(START, START + timedelta(milliseconds=ticks))

    found = whole.split(parts)

    assert 1 <= len(found) <= parts
    assert (found[0].start, found[-1].end) == (whole.start, whole.end)
    assert all(a.end == b.start for a, b in pairwise(found))
    assert len(found) == 1 or all(part.start < part.end for part in found)


def test_a_list_of_more_rows_than_vtex_shows_is_walked_whole() -> None:
    index = index_of(*(START + timedelta(seconds=150 * n) for n in range(4000)))

    found = [row.order_id for row in index.client.iterate_orders(START, END)]

    assert found == list(index.orders)
    assert len(index.queries) < 80


def test_a_filter_is_kept_while_a_list_is_walked() -> None:
    index = index_of(*(START + timedelta(seconds=n) for n in range(150)))
    where = OrderFilter(statuses=("handling",))

    rows = list(index.client.iterate_orders(START, END, where))

    assert len(rows) == 150
    assert {query["f_status"] for query in index.queries} == {"handling"}


def test_orders_that_change_while_a_list_is_walked_neither_hide_nor_repeat_a_row() -> None:
    stays = {f"stay-{n}": START + timedelta(minutes=n) for n in range(600)}
    moves = {f"move-{n}": START + timedelta(minutes=n, seconds=1) for n in range(600)}

    def move(index: OrderIndex) -> None:
        for name in list(index.orders)[-3:]:
            index.orders.pop(name) if name in moves else None

    found = [
        row.order_id
        for row in OrderIndex(stays | moves, before=move).client.iterate_orders(START, END)
    ]

    assert len(found) == len(set(found))
    assert stays.keys() <= set(found)


@given(st.lists(st.integers(0, 3_000_000), max_size=400), st.integers(0, 3_000_000))
def test_every_order_of_a_span_is_given_once(offsets: list[int], end: int) -> None:
    crowd = [START + timedelta(microseconds=at) for at in offsets] + [START] * 120
    index = index_of(*crowd)
    last = START + timedelta(microseconds=end)

    found = [row.order_id for row in index.client.iterate_orders(START, last)]

    assert len(found) == len(set(found))
    assert {it for it, at in index.orders.items() if at <= last} <= set(found)


def test_an_instant_with_more_orders_than_a_page_is_paged() -> None:
    index = index_of(*[START] * 250)

    found = [row.order_id for row in index.client.iterate_orders(START, END)]

    assert sorted(found) == sorted(index.orders)


def test_an_instant_with_more_orders_than_vtex_shows_is_said() -> None:
    index = index_of(*[START] * 3001)

    with pytest.raises(Unreadable, match="3001 orders in one millisecond"):
        list(index.client.iterate_orders(START, END))


def test_a_span_that_ends_before_it_starts_asks_nothing() -> None:
    index = index_of(START)

    assert list(index.client.iterate_orders(END, START)) == []
    assert index.queries == []


def test_a_walk_asks_only_for_what_is_taken() -> None:
    index = index_of(*(START + timedelta(seconds=n) for n in range(1000)))

    next(index.client.iterate_orders(START, END))

    assert len(index.queries) < 10
