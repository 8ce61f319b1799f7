from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from chaos.databases import ChaosErp, running_erp, running_ledger
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from support.postgres import PostgresServer
from unit.demo.evidence_makers import erp as erp_order

from orders_sync.erp.staging import StagingErp
from orders_sync.testing.clock import SettableClock
from orders_sync.testing.factories import make_order

#: A writer that does not wait long.
IMPATIENT = {
    "sqlite": {"timeout": 0.01},
    "postgresql": {"options": "-c lock_timeout=10"},
}


@pytest.fixture
def erp(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ChaosErp]:
    if database == "postgresql":
        request.getfixturevalue("postgres")  # The ERP has a server of its own, if it can be had.
    with running_erp("sqlite" if database == "sqlite" else "postgresql", tmp_path) as erp:
        yield erp


def write(erp: ChaosErp) -> None:
    engine = create_engine(erp.url, connect_args=IMPATIENT[erp.url.partition(":")[0]])
    try:
        with engine.begin() as connection:
            connection.execute(text("UPDATE erp_orders SET taken_at = CURRENT_TIMESTAMP"))
    finally:
        engine.dispose()


def test_an_order_comes_when_the_erps_own_clock_says_so(
    erp: ChaosErp, tmp_path: Path, clock: SettableClock
) -> None:
    adapter = StagingErp("sandbox", {"url": erp.url}, tmp_path, clock=clock)
    order = make_order()

    before = time.time()
    adapter.place_order(order)
    after = time.time()

    adapter.close()
    [dated] = erp.dated([erp_order(order.order_id, placed_at=clock.epoch())])
    assert before - 0.01 <= dated.placed_at <= after + 0.01


def test_an_erp_that_is_locked_takes_nothing_until_it_is_free(erp: ChaosErp) -> None:
    with erp.locked():
        assert erp.is_down
        with pytest.raises(OperationalError, match="lock"):
            write(erp)

    write(erp)
    assert not erp.is_down


def test_an_erp_that_somebody_else_holds_is_locked_already(erp: ChaosErp) -> None:
    with erp.locked():
        with erp.locked():
            assert erp.is_down
        with pytest.raises(OperationalError, match="lock"):
            write(erp)

    write(erp)
    assert not erp.is_down


@pytest.mark.parametrize("database", ["postgresql"])
def test_a_server_that_refuses_is_gone_until_it_is_back(erp: ChaosErp) -> None:
    with erp.locked(), erp.refusing():
        with pytest.raises(OperationalError, match=r"refused|No such file"):
            write(erp)
        with erp.locked(), erp.cutting():
            assert erp.is_down

    write(erp)
    assert not erp.is_down


@pytest.mark.parametrize("database", ["postgresql"])
def test_connections_are_cut_until_it_is_over(erp: ChaosErp) -> None:
    engine = create_engine(erp.url)
    with engine.connect() as connection, erp.cutting():
        with pytest.raises(OperationalError, match="terminat"):
            connection.execute(text("SELECT pg_sleep(60)"))
        assert erp.is_down
    engine.dispose()

    assert erp.arrivals() == {}
    assert not erp.is_down


def can_connect(url: str) -> bool:
    engine = create_engine(url)
    try:
        with engine.connect():
            return True
    except OperationalError:
        return False
    finally:
        engine.dispose()


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_ledger_that_is_away_is_back_when_the_first_fault_is_over(
    mode: str, tmp_path: Path, postgres: PostgresServer
) -> None:
    del postgres  # The ledger has a server of its own, if it can be had.
    with running_ledger("postgresql", tmp_path) as ledger:
        with ledger.away(mode):
            with ledger.away("fast"):
                ledger.cut()
            during = can_connect(ledger.url)

        assert (during, can_connect(ledger.url)) == (False, True)
