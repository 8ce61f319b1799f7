from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from chaos import hanging_erp
from chaos.environment import Peers, chaos_environment
from chaos.plan import LIMITED, MAIN, NEIGHBOUR, REFUSED, plan_accounts, plan_run

from orders_sync.demo.scenarios import CONFLICTS, Scenario


def test_the_main_account_comes_first_and_has_conflicts_of_every_kind() -> None:
    main, *others = plan_accounts(300)

    assert (main.name, main.orders) == (MAIN, 300)
    assert {scenario for scenario in CONFLICTS if main.shares[scenario]} == set(CONFLICTS)
    assert main.shares[Scenario.ASKED_MUCH] == 0
    assert len({account.name for account in others}) == 4


def test_a_run_of_three_hundred_orders_has_a_backlog_of_thousands_of_commands() -> None:
    accounts = {account.name: account for account in plan_accounts(300)}

    assert accounts[REFUSED].orders * 12 > 2000


def test_all_accounts_but_one_are_told_less_than_vtex_takes() -> None:
    told = {a.name: a.configured_per_minute / a.requests_per_minute for a in plan_accounts(60)}

    assert told.pop(LIMITED) == 2.0
    assert set(told.values()) == {0.9}


def test_a_run_that_is_alone_has_no_other_account() -> None:
    plan = plan_run(1, orders=60)

    assert NEIGHBOUR in {account.name for account in plan.accounts}
    assert [account.name for account in replace(plan, is_alone=True).accounts] == [MAIN]


def test_what_vtex_accepted_shows_after_at_most_eight_seconds() -> None:
    seconds = [plan_run(seed, orders=60).effect_seconds for seed in range(60)]

    assert 0.1 <= min(seconds) < 1.0
    assert 7.0 < max(seconds) <= 8.0


def test_an_erp_takes_as_long_as_it_was_told_last(tmp_path: Path) -> None:
    before = hanging_erp.delay(tmp_path, "slow")
    hanging_erp.set_delay(tmp_path, "slow", 9.0)
    slow, other = hanging_erp.delay(tmp_path, "slow"), hanging_erp.delay(tmp_path, "other")
    hanging_erp.set_delay(tmp_path, "slow", 0.0)

    assert (before, slow, other) == (0.0, 9.0, 0.0)
    assert hanging_erp.delay(tmp_path, "slow") == 0.0


def test_processes_are_given_every_account_and_only_settings_that_there_are(
    tmp_path: Path,
) -> None:
    peers = [Peers(plan, "http://127.0.0.1:1", "sqlite://") for plan in plan_accounts(60)]

    env = chaos_environment(tmp_path, peers, broker_url="redis://", ledger_url="sqlite://")

    assert env["ORDERS_SYNC_ACCOUNTS__SLOW__ERP"] == hanging_erp.NAME
    assert env["ORDERS_SYNC_ACCOUNTS__LIMITED__REQUESTS_PER_MINUTE"] == "600"
    assert env["ORDERS_SYNC_VTEX__TOTAL_SECONDS"] == "4"
    assert str(tmp_path / "adapters") in env["PYTHONPATH"]
