"""The demo keeps every promise, with each of its ERPs and whatever goes wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.running import Running


@pytest.mark.parametrize(
    ("erp", "chaos", "orders", "seconds"),
    [
        pytest.param("staging", "off", 50, 120, id="off"),
        pytest.param("staging", "wild", 150, 400, id="wild"),
        pytest.param("webhook", "off", 50, 120, id="webhook"),
        pytest.param("webhook", "wild", 150, 400, id="a bad webhook"),
    ],
)
def test_a_demo_keeps_every_promise_and_cleans_up(
    tmp_path: Path, erp: str, chaos: str, orders: int, seconds: float
) -> None:
    options = ("--erp", erp, "--chaos", chaos, "--seed", "5", "--no-flower", "--json")

    with Running(tmp_path, "demo", "--orders", str(orders), *options) as demo:
        status = demo.end(seconds)

        result = json.loads(demo.stdout)
        assert set(result["promises"].values()) <= {True, None}, demo.stderr
        assert status == 0
        assert result["orders"] == orders
        assert result["p50_seconds"] <= result["p99_seconds"] <= result["seconds"]
        assert result["commands"] > orders
        assert result["commands_per_second"] > 0
        assert result["vtex_calls_per_command"] > 1
        assert "order desk" in demo.stderr.splitlines()[-1]
        assert list(tmp_path.glob("orders-sync-demo-*")) == []


def test_a_demo_with_tryton_keeps_every_promise_by_trytons_own_books(
    tmp_path: Path,
    tryton_programs: None,  # noqa: ARG001 -- they are on the PATH
) -> None:
    options = ("--erp", "tryton", "--orders", "12", "--seed", "5", "--no-flower", "--json")

    with Running(tmp_path, "demo", *options) as demo:
        status = demo.end(900)

        result = json.loads(demo.stdout)
        assert set(result["promises"].values()) <= {True, None}, demo.stderr
        assert result["promises"]["nothing_doubled"] is True
        assert status == 0
        assert result["commands"] > 12
