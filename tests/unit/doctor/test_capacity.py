"""Whether what the settings allow the processes is there to be had."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import pytest
from support.pgbouncer import PgBouncer
from support.postgres import PostgresServer

from orders_sync.doctor.capacity import (
    examine_capacity,
    examine_disk,
    judge_connections,
    judge_disk,
    judge_files,
    needs_of,
)
from orders_sync.doctor.findings import State
from orders_sync.settings import Settings
from orders_sync.settings_parts import AccountSettings, VtexSettings

SERVER = "postgresql://me:hunter2@db.example/orders"
OTHER = "postgresql://me:hunter2@erp.example:6543/erp"


def settings(*options: dict[str, Any], **changes: Any) -> Settings:
    accounts = {
        f"store{number}": AccountSettings(app_key="key", app_token="token", erp_options=each)
        for number, each in enumerate(options)
    }
    return Settings(accounts=accounts, **changes)


def test_accounts_in_one_database_need_what_one_needs() -> None:
    one = needs_of(settings({"url": SERVER}, ledger_url=SERVER))
    many = needs_of(settings(*[{"url": SERVER}] * 500, ledger_url=SERVER))

    assert one == many
    assert one.connections == {"db.example:5432": 30}


def test_databases_of_many_accounts_need_no_more_than_their_bound() -> None:
    each = [{"url": f"{OTHER}_{number}"} for number in range(500)]

    needs = needs_of(settings(*each, ledger_url=SERVER, ledger_connections=5))

    assert needs.connections == {"db.example:5432": 5, "erp.example:6543": 50}
    assert needs.files < 300


def test_connections_to_vtex_and_files_of_sqlite_are_counted() -> None:
    few = needs_of(settings({}, vtex=VtexSettings(connections=10)))
    many = needs_of(settings({}, vtex=VtexSettings(connections=2010)))

    assert many.files - few.files == 2000
    assert few.connections == {}
    assert few.files == 100 + 10 + 20 + 3 * (20 + 10)


def test_options_that_are_wrong_are_left_to_the_adapter() -> None:
    needs = needs_of(settings({"url": "nothing"}, {"url": SERVER, "connections": "many"}))

    assert needs.connections == {"db.example:5432": 10}


@pytest.mark.parametrize(
    ("limit", "state"),
    [(400, State.OK), (399, State.WARNING), (resource.RLIM_INFINITY, State.OK)],
)
def test_a_limit_of_files_that_is_too_low_says_what_it_should_be(limit: int, state: State) -> None:
    finding = judge_files(400, limit)

    assert finding.state is state
    assert state is State.OK or "LimitNOFILE= of a unit" in (finding.do or "")
    assert state is State.OK or "800" in (finding.do or "")


@pytest.mark.parametrize(("allowed", "state"), [(120, State.OK), (119, State.WARNING)])
def test_a_server_that_allows_too_few_is_named(allowed: int, state: State) -> None:
    finding = judge_connections("db.example:5432", 30, 4, allowed)

    assert finding.state is state
    assert "4 workers have 120 to db.example:5432" in finding.says
    assert state is State.OK or "max_connections to 134" in (finding.do or "")


def test_a_server_is_asked_how_many_it_allows(
    postgres: PostgresServer, postgres_database: str, tmp_path: Path
) -> None:
    url = postgres.url(postgres_database)

    for processes, state in ((4, State.OK), (40, State.WARNING)):
        known = settings({"url": url}, ledger_url=url, home=tmp_path, processes=processes)
        [_, finding] = examine_capacity(known)
        assert (finding.check, finding.state) == ("connections", state)
        assert "which allows 197" in finding.says


def test_a_pooler_is_named_and_not_taken_for_its_server(
    pgbouncer: PgBouncer, postgres_database: str, tmp_path: Path
) -> None:
    url = pgbouncer.url(postgres_database)

    [_, finding] = examine_capacity(settings({}, ledger_url=url, home=tmp_path, processes=40))

    assert finding.state is State.NOT_PROBED
    assert "is a pooler" in finding.says
    assert "the 800 that" in finding.says


def test_a_server_that_is_away_is_not_counted(tmp_path: Path) -> None:
    url = "postgresql://me:hunter2@127.0.0.1:1/orders"

    [_, finding] = examine_capacity(settings({}, ledger_url=url, home=tmp_path))

    assert finding.state is State.NOT_PROBED
    assert "hunter2" not in repr(finding)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("free", "state", "amount"),
    [
        pytest.param(5 * 2**30, State.OK, "5 GiB", id="plenty"),
        pytest.param(2**30, State.OK, "1 GiB", id="at the bound"),
        pytest.param(2**30 - 1, State.WARNING, "1023 MiB", id="a byte less"),
        pytest.param(0, State.WARNING, "0 MiB", id="full"),
    ],
)
def test_a_disk_with_less_than_a_gibibyte_says_how_much_is_free_and_what_to_do(
    free: int, state: State, amount: str
) -> None:
    finding = judge_disk(Path("/srv/my orders"), free)

    assert finding.state is state
    assert finding.says == f"{amount} free on the disk of the home folder (/srv/my orders)"
    assert state is State.OK or "du -xh -d 1 -- '/srv/my orders'" in (finding.do or "")
    assert state is State.OK or "ORDERS_SYNC_HOME" in (finding.do or "")


def test_a_home_that_is_not_there_yet_is_judged_by_the_disk_it_will_be_on(tmp_path: Path) -> None:
    home = tmp_path / "later" / "home"

    [finding] = examine_disk(settings({}, home=home))

    assert finding.says.endswith(f"({tmp_path})")
    assert finding.state in {State.OK, State.WARNING}
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_does_not_say_is_not_judged(tmp_path: Path) -> None:
    home = tmp_path / ("x" * 300)

    [finding] = examine_disk(settings({}, home=home))

    assert finding.state is State.NOT_PROBED
    assert "File name too long" in finding.says
