from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from orders_sync.upkeep.list_pages import ListPosition, list_slices
from orders_sync.vtex.orders import OrderFilter, OrderPage, OrderRow

START = datetime(2026, 11, 1, tzinfo=UTC)
END = START + timedelta(days=10)
EVERYTHING = OrderFilter()


@dataclass
class Listed:
    """A list of orders, given by when each was created; the latest come first, as they may."""

    moments: Sequence[datetime]
    calls: int = 0
    rows: list[OrderRow] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rows = [
            OrderRow.model_validate({"orderId": f"o-{i}", "creationDate": at.isoformat()})
            for i, at in enumerate(self.moments)
        ]

    def list_orders(
        self, where: OrderFilter = EVERYTHING, *, page: int = 1, per_page: int = 100
    ) -> OrderPage:
        self.calls += 1
        assert where.created is not None
        span = where.created
        found = [
            row
            for row, at in zip(self.rows, self.moments, strict=True)
            if span.start <= at <= span.end
        ][::-1]
        shown = found[(page - 1) * per_page : page * per_page]
        return OrderPage.model_validate(
            {
                "list": [row.model_dump(by_alias=True) for row in shown],
                "paging": {"total": len(found)},
            }
        )

    def iterate_orders(
        self, start: datetime, end: datetime, where: OrderFilter = EVERYTHING
    ) -> Iterator[OrderRow]:
        assert where == EVERYTHING
        pairs = zip(self.rows, self.moments, strict=True)
        return (row for row, at in pairs if start <= at <= end)


SPREAD = [START + timedelta(minutes=20) * i for i in range(700)]
CROWDED = [START + timedelta(days=3) + timedelta(seconds=1) * i for i in range(500)]
ONE_INSTANT = [START + timedelta(days=5)] * 250


@pytest.mark.parametrize(
    "moments",
    [
        pytest.param([], id="none"),
        pytest.param(SPREAD, id="spread evenly"),
        pytest.param([*SPREAD[:50], *CROWDED], id="crowded in minutes"),
        pytest.param(ONE_INSTANT, id="all in one instant"),
        pytest.param([START, END], id="at both ends"),
    ],
)
def test_every_row_is_seen_and_the_last_slice_says_so(moments: list[datetime]) -> None:
    listed = Listed(moments)

    slices = list(list_slices(listed, ListPosition(START), END, EVERYTHING))

    seen = {row.order_id for step in slices for row in step.rows}
    assert seen == {row.order_id for row in listed.rows}
    assert [step.is_last for step in slices] == [False] * (len(slices) - 1) + [True]
    assert slices[-1].next_position.at == END


@pytest.mark.parametrize("moments", [SPREAD, CROWDED, ONE_INSTANT])
def test_a_walk_that_stops_after_each_slice_comes_to_its_end(moments: list[datetime]) -> None:
    listed, place, seen = Listed(moments), ListPosition(START), set()

    for _ in range(100):
        step = next(list_slices(listed, ListPosition.from_text(place.to_text()), END, EVERYTHING))
        seen |= {row.order_id for row in step.rows}
        place = step.next_position
        if step.is_last:
            break

    assert step.is_last
    assert seen == {row.order_id for row in listed.rows}


@pytest.mark.parametrize(
    ("moments", "most"),
    [
        pytest.param([], 1, id="a quiet month in one call"),
        pytest.param(SPREAD, 14, id="about as many calls as pages"),
    ],
)
def test_a_walk_is_cheap(moments: list[datetime], most: int) -> None:
    listed = Listed(moments)

    list(list_slices(listed, ListPosition(START), END, EVERYTHING))

    assert listed.calls <= most


def test_each_step_is_one_call() -> None:
    listed = Listed(SPREAD)

    calls = [listed.calls for _ in list_slices(listed, ListPosition(START), END, EVERYTHING)]

    assert calls == list(range(1, len(calls) + 1))


def test_there_is_nothing_between_an_end_and_a_later_start() -> None:
    listed = Listed(SPREAD)

    assert list(list_slices(listed, ListPosition(END), START, EVERYTHING)) == []
