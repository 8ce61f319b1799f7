from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from orders_sync.demo.environment import demo_environment
from orders_sync.domain.steps import Queue
from orders_sync.embedded import process_list
from orders_sync.embedded.process_list import ProcessList, flower_login, flower_login_file
from orders_sync.settings import load_settings


def test_workers_take_from_every_queue() -> None:
    argv = process_list.worker(1, "info", "intake")

    assert f"--queues={','.join(Queue)},intake" in argv


def test_every_process_runs_under_this_python() -> None:
    argvs = (
        process_list.worker(1, "info"),
        process_list.beat("info"),
        process_list.flower(5555),
        process_list.sandbox(account="a", seed=1, chaos="off"),
    )

    assert {argv[:2] for argv in argvs} == {(sys.executable, "-m")}


def test_a_crew_is_workers_beat_and_flower(tmp_path: Path) -> None:
    crew = ProcessList(tmp_path, {"A": "1"}, workers=2, flower_port=5555, log_level="info")

    specs = {spec.name: spec for spec in crew.specs()}

    assert list(specs) == ["worker1", "worker2", "beat", "flower"]
    assert len({spec.log for spec in specs.values()}) == 4
    assert "--hostname=worker2@%h" in specs["worker2"].argv
    assert {spec.env["A"] for spec in specs.values()} == {"1"}


def test_a_crew_without_flower_has_no_password(tmp_path: Path) -> None:
    crew = ProcessList(tmp_path, {}, workers=1, flower_port=None, log_level="info")

    assert [spec.name for spec in crew.specs()] == ["worker1", "beat"]
    assert not flower_login_file(tmp_path).exists()


def test_flower_is_never_open_and_its_password_is_no_argument(tmp_path: Path) -> None:
    crew = ProcessList(tmp_path, {}, workers=1, flower_port=5555, log_level="info")

    flower = crew.specs()[-1]

    user, password = flower.env["FLOWER_BASIC_AUTH"].split(":")
    assert user
    assert len(password) >= 16
    assert "," not in password
    assert password not in " ".join(flower.argv)
    assert password not in repr(flower)
    assert "--address=127.0.0.1" in flower.argv


def test_a_password_that_was_set_for_flower_is_used(tmp_path: Path) -> None:
    env = {"FLOWER_BASIC_AUTH": "ops:secret"}

    flower = ProcessList(tmp_path, env, workers=1, flower_port=5555, log_level="info").specs()[-1]

    assert flower.env["FLOWER_BASIC_AUTH"] == "ops:secret"


def test_flowers_password_stays_the_same_and_is_its_owners(tmp_path: Path) -> None:
    login = flower_login(tmp_path)

    assert flower_login(tmp_path) == login
    assert stat.S_IMODE(flower_login_file(tmp_path).stat().st_mode) == 0o600


def test_a_demo_never_works_on_the_accounts_that_are_configured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDERS_SYNC_ACCOUNTS__MYSTORE__APP_KEY", "real")
    monkeypatch.setenv("ORDERS_SYNC_ACCOUNTS__MYSTORE__APP_TOKEN", "real")
    monkeypatch.setenv("ORDERS_SYNC_LEDGER_URL", "sqlite:///real.sqlite3")
    monkeypatch.setenv("FLOWER_BASIC_AUTH", "real:real")

    env = demo_environment(tmp_path, broker_url="redis://b", sandbox_url="http://s")

    assert "real" not in " ".join(env.values())


def test_the_settings_of_a_demo_are_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env = demo_environment(tmp_path, broker_url="redis://b", sandbox_url="http://s")
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    settings = load_settings()

    assert list(settings.accounts) == ["sandbox"]
    assert settings.base_url("sandbox") == "http://s"
    assert settings.home == tmp_path
    assert settings.broker_url == "redis://b"
    assert settings.retry.orders.attempts == 100
