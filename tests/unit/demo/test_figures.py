from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from orders_sync.demo.figures import (
    ROAD_IN,
    ROAD_OUT,
    CallMeter,
    CommandFigures,
    measure,
    percentile,
)
from orders_sync.demo.records import PLAIN, VtexOrder
from orders_sync.demo.sandbox_api import SandboxReport


def order(*, ready_at: float | None, handling_at: float | None) -> VtexOrder:
    """Make an order of which only the times matter."""
    return VtexOrder(
        order_id="1-01",
        trouble=PLAIN,
        status="handling",
        is_completed=True,
        value_cents=0,
        lines=(),
        ready_at=ready_at,
        handling_at=handling_at,
        start_handling_effects=1,
        start_handling_at=(),
        events_unacknowledged=0,
    )


def report(taken_over: int, **calls: int) -> SandboxReport:
    """Make a report of which only these counts matter."""
    return SandboxReport(
        calls=calls,
        orders=9,
        taken_over=taken_over,
        cancelled=0,
        feed_configured=True,
        feed_visible=0,
        feed_in_flight=0,
        feed_committed=0,
    )


NO_COMMANDS = CommandFigures(commands=0, seconds=0.0, calls={})


def test_the_figures_run_from_the_first_order_to_the_last_that_was_handled() -> None:
    orders = [
        order(ready_at=100.0, handling_at=101.0),
        order(ready_at=102.0, handling_at=105.0),
        order(ready_at=104.0, handling_at=None),
        order(ready_at=None, handling_at=None),
    ]

    figures = measure(
        orders, started_at=100.0, calls={"get_order": 6, "feed_read": 2}, road_out=NO_COMMANDS
    )

    assert figures.orders == 4
    assert figures.seconds == 5.0
    assert figures.orders_per_second == 0.8
    assert figures.calls_by_name == {"get_order": 1.5, "feed_read": 0.5}
    assert figures.vtex_calls_per_order == 2.0
    assert figures.p50_seconds == 1.0
    assert figures.p99_seconds == 3.0


def test_where_no_order_was_handled_there_is_no_time_to_tell() -> None:
    figures = measure(
        [order(ready_at=1.0, handling_at=None)], started_at=1.0, calls={}, road_out=NO_COMMANDS
    )

    assert figures.seconds == 0.0
    assert figures.orders_per_second == 0.0
    assert figures.p50_seconds is None
    assert figures.p99_seconds is None


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        pytest.param([], 50, None, id="of nothing"),
        pytest.param([7], 99, 7, id="of one"),
        pytest.param([1, 2, 3, 4], 50, 2, id="half of an even number"),
        pytest.param([1, 2, 3], 50, 2, id="half of an odd number"),
        pytest.param(range(1, 201), 99, 198, id="all but the slowest hundredth"),
    ],
)
def test_a_percentile_is_the_value_that_so_many_do_not_exceed(
    values: Sequence[float], percent: float, expected: float | None
) -> None:
    assert percentile(values, percent) == expected


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        pytest.param(
            [report(3, feed_read=12, get_order=9), report(3, feed_read=30, get_order=9)],
            {"feed_read": 2, "get_order": 9},
            id="looking into an empty feed afterwards is left out",
        ),
        pytest.param(
            [report(3, feed_read=12), report(3, feed_read=12, feed_commit=4)],
            {"feed_read": 2, "feed_commit": 4},
            id="acknowledging afterwards is not",
        ),
        pytest.param(
            [report(0, feed_read=15)], {}, id="without an order in handling nothing counts"
        ),
    ],
)
def test_the_calls_count_while_there_is_work(
    reports: Sequence[SandboxReport], expected: Mapping[str, int]
) -> None:
    meter = CallMeter(report(0, feed_read=10), other_road=ROAD_OUT)

    for latest in reports:
        meter.note(latest, latest.taken_over)

    assert meter.calls == expected


@pytest.mark.parametrize(
    ("other_road", "expected"),
    [
        pytest.param(
            ROAD_OUT, {"get_order": 5, "start_handling": 2, "feed_read": 3}, id="the road in"
        ),
        pytest.param(ROAD_IN, {"get_order": 5, "invoice": 4}, id="the road out"),
    ],
)
def test_each_road_has_its_own_calls_and_both_have_the_reads_of_orders(
    other_road: frozenset[str], expected: Mapping[str, int]
) -> None:
    meter = CallMeter(report(0), other_road=other_road)

    meter.note(report(1, get_order=5, start_handling=2, feed_read=3, invoice=4), 1)

    assert meter.calls == expected


def test_commands_have_figures_of_their_own() -> None:
    figures = CommandFigures(commands=8, seconds=4.0, calls={"get_order": 10, "invoice": 6})

    assert figures.per_second == 2.0
    assert figures.vtex_calls_per_command == 2.0
    assert NO_COMMANDS.per_second == 0.0
    assert NO_COMMANDS.vtex_calls_per_command == 0.0
