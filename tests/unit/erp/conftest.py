"""A staging ERP on each database, and its tables as the ERP's people see them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine
from unit.erp.erp_sql import ErpSql, MakeStaging

from orders_sync.erp.staging import StagingErp
from orders_sync.testing.clock import SettableClock


@pytest.fixture
def make_staging(erp_url: str, tmp_path: Path, clock: SettableClock) -> Iterator[MakeStaging]:
    """Make adapters of one database, each with connections of its own."""
    made: list[StagingErp] = []

    def make(account: str = "mystore", **options: Any) -> StagingErp:
        made.append(StagingErp(account, {"url": erp_url, **options}, tmp_path, clock=clock))
        return made[-1]

    yield make
    for erp in made:
        erp.close()


@pytest.fixture
def staging(make_staging: MakeStaging) -> StagingErp:
    """Give the adapter, with its tables created."""
    erp = make_staging()
    erp.pull(None)
    return erp


@pytest.fixture
def tables(erp_url: str) -> Iterator[Engine]:
    """Look at the database as the ERP does."""
    zone = {"options": "-c timezone=UTC"} if erp_url.startswith("postgresql") else {}
    engine = create_engine(erp_url, connect_args=zone)
    yield engine
    engine.dispose()


@pytest.fixture
def sql(staging: StagingErp, tables: Engine) -> Iterator[ErpSql]:
    """Give the database's own SQL, with the tables created."""
    del staging
    with tables.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield ErpSql(connection)
