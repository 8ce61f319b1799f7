from __future__ import annotations

import json

import pytest

from orders_sync.cli.demo import DemoDisplay, show_result, to_json
from orders_sync.demo.figures import CommandFigures, Figures
from orders_sync.demo.plan import DemoProgress
from orders_sync.demo.promises import PromiseVerdict, verdict
from orders_sync.demo.run import DemoResult
from orders_sync.testing.clock import SettableClock

FIGURES = Figures(
    orders=200,
    seconds=8.00049,
    orders_per_second=24.99847,
    calls_by_name={"get_order": 1.0, "feed_read": 0.12345},
    p50_seconds=0.5,
    p99_seconds=None,
    road_out=CommandFigures(commands=10, seconds=4.0, calls={"get_order": 11, "invoice": 10}),
)
KEPT = PromiseVerdict("nothing_lost", kept=True, why="all arrived")
BROKEN = PromiseVerdict("in_order", kept=False, why="broken by 1-01")


def test_json_has_the_figures_and_the_promises() -> None:
    written = to_json(DemoResult(FIGURES, (KEPT, BROKEN)))

    assert json.loads(json.dumps(written)) == {
        "orders": 200,
        "seconds": 8.0,
        "orders_per_second": 24.998,
        "vtex_calls_per_order": 1.123,
        "vtex_calls_by_name": {"feed_read": 0.123, "get_order": 1.0},
        "p50_seconds": 0.5,
        "p99_seconds": None,
        "commands": 10,
        "commands_per_second": 2.5,
        "vtex_calls_per_command": 2.1,
        "promises": {"nothing_lost": True, "in_order": False},
    }


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        pytest.param((KEPT,), True, id="all"),
        pytest.param((KEPT, BROKEN), False, id="all but one"),
    ],
)
def test_one_broken_promise_is_one_too_many(
    verdicts: tuple[PromiseVerdict, ...], *, expected: bool
) -> None:
    assert DemoResult(FIGURES, verdicts).all_kept is expected


def test_the_result_tells_each_promise_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    show_result(DemoResult(FIGURES, (KEPT, BROKEN)))

    shown = capsys.readouterr().out
    assert "nothing lost │ kept   │ all arrived" in shown
    assert "in order     │ BROKEN │ broken by 1-01" in shown
    assert "200 orders in 8.0 s" in shown
    assert "get_order 1.00" in shown
    assert "10 commands in 4.0 s: 2.5 a second, 2.10 VTEX calls a command." in shown


def test_a_promise_that_nothing_tested_is_not_called_kept(
    capsys: pytest.CaptureFixture[str],
) -> None:
    result = DemoResult(FIGURES, (verdict("nothing_lost", [], "0 orders", 0),))

    show_result(result)

    assert "nothing lost │ not tested │ 0 orders" in capsys.readouterr().out
    assert to_json(result)["promises"] == {"nothing_lost": None}
    assert result.all_kept


def test_without_a_terminal_progress_is_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], clock: SettableClock
) -> None:
    progress = DemoProgress(
        1.0,
        orders=9,
        poured=5,
        to_take_over=8,
        taken_over=3,
        asked=9,
        answered=4,
        events_waiting=2,
        killed=1,
    )

    with DemoDisplay(clock.epoch) as display:
        for _ in range(10):
            display.show(progress)
            clock.advance(0.5)

    captured = capsys.readouterr()
    assert captured.out == ""
    line = (
        "   1.0 s  ordered 5/9, handled 3/8, commands answered 4/9, events in the feed: 2, "
        "workers killed: 1"
    )
    assert captured.err.splitlines() == [line] * 3
