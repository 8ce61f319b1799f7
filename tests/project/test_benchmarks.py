"""What a benchmark judges by."""

from __future__ import annotations

import importlib
import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def test_an_order_of_another_account_is_not_taken_for_ones_own_with_the_same_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Benchmarks are not installed, and the project's folder on the path of all tests would have
    # them import the tree where they are to try what is installed.
    monkeypatch.syspath_prepend(str(ROOT))
    books = importlib.import_module("benchmarks.evidence").Books

    with closing(sqlite3.connect(tmp_path / "erp.sqlite3")) as connection, connection:
        connection.execute("CREATE TABLE erp_orders (account, order_id, placed_at)")
        connection.execute("INSERT INTO erp_orders VALUES ('theirs', '1', '2026-03-01 10:00:00')")
    plant: Any = SimpleNamespace(home=tmp_path)

    assert books(plant).in_erp("theirs").keys() == {"1"}
    assert books(plant).in_erp("ours") == {}
