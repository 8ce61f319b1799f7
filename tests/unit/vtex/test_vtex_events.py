"""Events and timestamps, as VTEX writes them and as it should not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders_sync.domain.events import OrderEvent, UnreadableEvent
from orders_sync.vtex.documents import parse_timestamp
from orders_sync.vtex.feed import event

ITEM: dict[str, Any] = {
    "orderId": "1-01",
    "handle": "h",
    "domain": "Fulfillment",
    "state": "handling",
    "lastState": None,
    "eventId": "E",
    "currentChange": "2026-11-20T10:00:00.1234567Z",
}

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_an_event_keeps_vtexs_own_text() -> None:
    assert event(ITEM) == OrderEvent(
        order_id="1-01",
        domain="Fulfillment",
        state="handling",
        last_state=None,
        current_change="2026-11-20T10:00:00.1234567Z",
        event_id="E",
        handle="h",
    )


@pytest.mark.parametrize(
    ("item", "handle", "place"),
    [
        pytest.param({**ITEM, "orderId": None}, "h", "$.orderId", id="no order"),
        pytest.param({**ITEM, "orderId": "\ud800"}, "h", "$.orderId", id="half a character"),
        pytest.param({**ITEM, "handle": None}, None, "$.handle", id="no handle"),
        pytest.param({**ITEM, "handle": ["h"]}, None, "$.handle", id="a handle that is no text"),
        pytest.param({}, None, "$.orderId", id="empty"),
        pytest.param("text", None, "$", id="a text"),
        pytest.param(None, None, "$", id="null"),
    ],
)
def test_a_poison_item_keeps_its_handle_and_names_its_problem(
    item: Any, handle: str | None, place: str
) -> None:
    found = event(item)

    assert isinstance(found, UnreadableEvent)
    assert found.handle == handle
    assert found.problem.startswith(f"{place} ")


@pytest.mark.parametrize("odd", [None, "", 7, ["x"], {"a": 1}, True, "\ud800"])
@pytest.mark.parametrize("field", ["domain", "state", "lastState", "eventId", "currentChange"])
def test_an_order_and_a_handle_are_all_that_an_event_takes(field: str, odd: object) -> None:
    found = event({**ITEM, field: odd})

    assert isinstance(found, OrderEvent)
    assert (found.order_id, found.handle) == ("1-01", "h")
    assert event({"orderId": "1-01", "handle": "h"}) == OrderEvent(
        "1-01", "", None, None, "", "", "h"
    )


def test_two_events_without_their_time_are_two() -> None:
    items = [
        {"orderId": "1-01", "handle": "h1", "eventId": "E1"},
        {"orderId": "1-01", "handle": "h2", "eventId": "E2"},
        {"orderId": "1-01", "handle": "h3"},
        {"orderId": "1-01", "handle": "h4"},
        {"orderId": "1-01", "handle": "h5", "eventId": "E1"},
    ]

    identities = [read.identity for read in map(event, items) if isinstance(read, OrderEvent)]

    assert len(identities) == 5
    assert len(set(identities)) == 4
    assert identities[0] == identities[4]


@given(JSON_VALUES | st.fixed_dictionaries({}, optional=dict.fromkeys(ITEM, JSON_VALUES)))
def test_no_item_of_the_feed_raises(item: Any) -> None:
    assert isinstance(event(item), OrderEvent | UnreadableEvent)


@pytest.mark.parametrize("suffix", ["Z", "+00:00", "-0300", "-03:00", ""])
@given(
    moment=st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2100, 1, 1)),  # noqa: DTZ001 - the offset is the suffix.
    digits=st.integers(0, 7),
    separator=st.sampled_from("T "),
)
def test_timestamps_are_read_in_every_way_vtex_writes_them(
    suffix: str, moment: datetime, digits: int, separator: str
) -> None:
    fraction = f"{moment.microsecond:06d}7"[:digits]
    text = moment.strftime(f"%Y-%m-%d{separator}%H:%M:%S") + (f".{fraction}" if digits else "")

    found = parse_timestamp(text + suffix)

    offset = timedelta(hours=-3 if "3" in suffix else 0)
    kept = moment.replace(microsecond=int(fraction[:6].ljust(6, "0")), tzinfo=UTC)
    assert found is not None
    assert found.utcoffset() == offset
    assert found == kept - offset


@pytest.mark.parametrize(
    "text", [None, "", "soon", 7, "2026-13-01T00:00:00Z", "0001-01-01T00:00:00"]
)
def test_what_is_no_timestamp_is_none(text: object) -> None:
    assert parse_timestamp(text) is None
