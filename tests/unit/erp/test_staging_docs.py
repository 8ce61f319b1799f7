"""The page for the ERP's developers says what the tables are."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Table

from orders_sync.erp.staging_tables import METADATA

PAGE = Path(__file__).parents[3] / "docs" / "staging-tables.md"


@pytest.mark.parametrize("table", METADATA.sorted_tables, ids=str)
def test_the_page_describes_exactly_the_columns_there_are(table: Table) -> None:
    section = PAGE.read_text().partition(f"\n## `{table.name}`\n")[2].partition("\n## ")[0]
    described = [line for line in section.splitlines() if line.startswith("| `")]

    columns = [
        f"| `{column.name}` | {column.type} | {'yes' if column.nullable else 'no'} "
        f"| {column.comment} |"
        for column in table.columns
    ]

    assert described == columns
