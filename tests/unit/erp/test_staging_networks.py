"""A network that forgets connections without a word costs a wait, never a place or a restart."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, nullcontext
from pathlib import Path

import pytest
from sqlalchemy import text
from support.firewall import Firewall, firewall_before
from support.mariadb import MariadbServer

from orders_sync.erp.guarded import GuardedErp
from orders_sync.erp.staging import StagingErp
from orders_sync.errors import ErpUnavailable
from orders_sync.testing.factories import make_order

PLACES = 4
#: A bound that a test can wait for, in place of the default.
ONE_SECOND = "connect_timeout=1&read_timeout=1&write_timeout=1"


@pytest.fixture
def firewall(mariadb: MariadbServer) -> Iterator[Firewall]:
    with firewall_before(mariadb.socket) as firewall:
        yield firewall


@pytest.fixture
def erp(firewall: Firewall, mariadb_database: str, tmp_path: Path) -> Iterator[StagingErp]:
    url = f"mysql+pymysql://root@127.0.0.1:{firewall.port}/{mariadb_database}?{ONE_SECOND}"
    options = {"url": url, "connections": PLACES}
    with closing(StagingErp("mystore", options, tmp_path)) as erp:
        yield erp


def fill_pool(erp: StagingErp) -> None:
    """Have as many connections wait open as may be."""
    erp.pull(None)
    with ExitStack() as stack:
        for _ in range(PLACES):
            stack.enter_context(erp._engine.connect())


def place_all(erp: GuardedErp, numbers: range) -> list[bool]:
    """Place orders at once; return for each whether the ERP took it."""

    def place(number: int) -> bool:
        try:
            erp.place_order(make_order(f"13000000000{number:02}-01"))
        except ErpUnavailable:
            return False
        return True

    with ThreadPoolExecutor(len(numbers)) as pool:
        return list(pool.map(place, numbers))


def test_connections_that_were_forgotten_are_replaced_within_one_call(
    erp: StagingErp, firewall: Firewall
) -> None:
    fill_pool(erp)
    firewall.forget()

    receipt = erp.place_order(make_order())

    assert receipt.reference == "mystore/1300000000001-01"


def test_orders_go_on_without_a_restart_once_the_network_is_back(
    erp: StagingErp, firewall: Firewall
) -> None:
    fill_pool(erp)
    guarded = GuardedErp(erp, nullcontext, seconds=30)
    for _ in range(2):
        firewall.shut = True
        firewall.forget()
        assert place_all(guarded, range(PLACES * 2)) == [False] * PLACES * 2
        firewall.shut = False

        placed = place_all(guarded, range(PLACES * 2))

        assert placed == [True] * PLACES * 2
    assert erp._engine.pool.checkedout() == 0  # type: ignore[attr-defined] # of a QueuePool


def test_every_connection_has_its_bounds(
    mariadb: MariadbServer, mariadb_database: str, tmp_path: Path
) -> None:
    with (
        closing(StagingErp("mystore", {"url": mariadb.url(mariadb_database)}, tmp_path)) as erp,
        erp._engine.connect() as connection,
    ):
        driver = connection.connection.driver_connection
        server = connection.execute(
            text(
                "SELECT @@innodb_lock_wait_timeout, @@lock_wait_timeout, @@wait_timeout, "
                "@@idle_transaction_timeout, @@time_zone, @@sql_mode, @@tx_isolation"
            )
        ).one()

    assert driver is not None
    assert (driver.connect_timeout, driver._read_timeout, driver._write_timeout) == (5, 12, 12)
    assert tuple(server) == (10, 10, 600, 30, "+00:00", "STRICT_ALL_TABLES", "READ-COMMITTED")
