"""A real Tryton on a real PostgreSQL, once for all tests of a run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from support.postgres import PostgresServer
from support.waiting import until

from orders_sync.demo.tryton_clerk import SoldOrder, TrytonClerk
from orders_sync.demo.tryton_site import DATABASE, TrytonSite, find_tryton
from orders_sync.embedded.processes import Child
from orders_sync.erp.tryton.server import Login, TrytonServer
from orders_sync.errors import ConfigurationError

REPOSITORY = Path(__file__).parents[2]
STORE = "mystore"
_INSTALL_SECONDS = 600


@dataclass(frozen=True)
class Tryton:
    """A server whose products are the sandbox's; its database has the orders of every test."""

    site: TrytonSite
    clerk: TrytonClerk
    server: Child
    postgres: PostgresServer

    def options(self) -> dict[str, str]:
        """Return the options of the adapter."""
        return self.site.options()

    def sold(self, order_id: str) -> list[SoldOrder]:
        """Return the orders of an id."""
        return [sold for sold in self.clerk.orders(STORE) if sold.order.order_id == order_id]

    def options_of_clerk(self) -> dict[str, str]:
        """Return options by which the adapter is somebody else."""
        return {**self.options(), "user": "clerk", "password": self.site.password("clerk")}

    def bridge(self) -> TrytonServer:
        """Return Tryton as the user of orders_sync has it."""
        options = self.options()
        login = Login(options["user"], options["password"])
        return TrytonServer(options["url"], options["database"], login)

    def die_and_return(self) -> None:
        """Kill the server, and start it again."""
        self.server.kill()
        self.server.start()
        until(self.site.answers)

    def forget_sessions(self) -> None:
        """Have Tryton forget who is logged in, as it does after a while."""
        self._run("DELETE FROM ir_session")

    def confuse_units(self, sku: str) -> None:
        """Have a product be kept in kilograms and sold in pieces, which Tryton itself prevents."""
        self._run(
            "UPDATE product_template SET default_uom = "
            "(SELECT id FROM product_uom WHERE symbol = 'kg') "
            "WHERE id = (SELECT template FROM product_product WHERE code = %s)",
            sku,
        )

    def _run(self, statement: LiteralString, *values: str) -> None:
        url = self.postgres.url(DATABASE)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement, values)


@pytest.fixture(scope="session")
def tryton_programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Have Tryton's programs on the PATH; they are installed where they are not there."""
    path = os.environ["PATH"]  # noqa: TID251 -- no setting of the project's
    try:
        find_tryton()
    except ConfigurationError:
        programs = _installed(tmp_path_factory.mktemp("tryton-venv"))
        os.environ["PATH"] = f"{programs}:{path}"  # noqa: TID251 -- as above
    yield
    os.environ["PATH"] = path  # noqa: TID251 -- as above


@pytest.fixture(scope="session")
def tryton(
    tryton_programs: None,  # noqa: ARG001 -- the server is one of them
    postgres: PostgresServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Tryton]:
    """Give the Tryton of this run."""
    home = tmp_path_factory.mktemp("tryton")
    environment = {"PGHOST": str(postgres.folder), "PGUSER": "tests"}
    site = TrytonSite(home, STORE, uri="postgresql://", environment=environment)
    # Without translations it is there sooner.
    site.set_up(language="en")
    server = Child(site.spec(), home / "run")
    server.start()
    clerk = site.clerk()
    try:
        until(site.answers)
        yield Tryton(site, clerk, server, postgres)
    finally:
        clerk.close()
        server.kill()


def _installed(folder: Path) -> Path:
    """Install what a server needs, as deploy/tryton's page says; return where its programs are."""
    package = f"{REPOSITORY / 'deploy' / 'tryton'}[postgres]"
    for argv in (
        [sys.executable, "-m", "venv", str(folder)],
        [str(folder / "bin" / "pip"), "install", "--quiet", package],
    ):
        done = subprocess.run(
            argv, check=False, capture_output=True, text=True, timeout=_INSTALL_SECONDS
        )
        if done.returncode:
            reason = f"Tryton could not be installed: {done.stderr[-500:]}"
            if os.environ.get("CI") == "true":  # noqa: TID251 -- no setting of the project's
                pytest.fail(reason)
            pytest.skip(reason)
    return folder / "bin"
