"""What a benchmark judges by."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from benchmarks.evidence import Books


def test_an_order_of_another_account_is_not_taken_for_ones_own_with_the_same_id(
    tmp_path: Path,
) -> None:
    with closing(sqlite3.connect(tmp_path / "erp.sqlite3")) as connection, connection:
        connection.execute("CREATE TABLE erp_orders (account, order_id, placed_at)")
        connection.execute("INSERT INTO erp_orders VALUES ('theirs', '1', '2026-03-01 10:00:00')")
    plant: Any = SimpleNamespace(home=tmp_path)

    assert Books(plant).in_erp("theirs").keys() == {"1"}
    assert Books(plant).in_erp("ours") == {}
