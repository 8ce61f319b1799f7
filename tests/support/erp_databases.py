"""An empty database of each kind in which the staging tables may be."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.mariadb import MariadbServer
from support.postgres import PostgresServer


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def erp_database(request: pytest.FixtureRequest) -> str:
    """Name a kind of database: a test that depends on it runs on each of them."""
    return str(request.param)


@pytest.fixture
def erp_url(erp_database: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty database for staging tables, one of each kind."""
    if erp_database == "sqlite":
        return f"sqlite:///{tmp_path / 'erp.sqlite3'}"
    name = "postgres" if erp_database == "postgresql" else "mariadb"
    server: PostgresServer | MariadbServer = request.getfixturevalue(name)
    return server.url(request.getfixturevalue(f"{name}_database"))
