"""Whatever makes the home folder and what lies in it, only its owner may use them."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orders_sync.private_files import keep_private, open_paths
from orders_sync.settings import Settings, child_environment

#: What a careless shell has.
CARELESS = 0o022

ACCOUNT = {
    "ORDERS_SYNC_ACCOUNTS__MYSTORE__APP_KEY": "key",
    "ORDERS_SYNC_ACCOUNTS__MYSTORE__APP_TOKEN": "token",
    "ORDERS_SYNC_BROKER_URL": "redis://127.0.0.1:1/0",
}

#: What a process of Celery's imports, and then what its tasks do.
AS_CELERY = """
from orders_sync.celery import app
from orders_sync.ledger.migrate import upgrade
from orders_sync.settings import load_settings
upgrade(load_settings().ledger)
"""


@pytest.fixture(autouse=True)
def _careless() -> Iterator[None]:
    before = os.umask(CARELESS)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    paths = [folder, *folder.rglob("*")]
    return {str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode) for path in paths}


def run(home: Path, *argv: str) -> None:
    environment = child_environment(**ACCOUNT, ORDERS_SYNC_HOME=str(home))
    subprocess.run(argv, env=environment, cwd=home.parent, capture_output=True, check=False)


@pytest.mark.parametrize(
    "argv",
    [
        pytest.param(("-m", "orders_sync", "db", "upgrade"), id="the command line"),
        pytest.param(("-c", AS_CELERY), id="celery -A orders_sync"),
    ],
)
def test_an_entry_point_makes_a_home_that_is_its_owners_only(
    tmp_path: Path, argv: tuple[str, ...]
) -> None:
    home = tmp_path / "deep" / "home"
    (tmp_path / "deep").mkdir()

    run(home, sys.executable, *argv)

    found = modes(home)
    assert found["."] == 0o700
    assert found["ledger.sqlite3"] == 0o600
    assert {mode & 0o077 for mode in found.values()} == {0}


def test_an_open_home_is_mended_by_the_next_command(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for folder in ("logs", "run", "broker/appendonlydir"):
        (home / folder).mkdir(parents=True)
    ours = ("ledger.sqlite3-wal", "logs/beat.log", "broker/appendonlydir/a.aof", "flower.db")
    for name in (*ours, "notes-of-a-person.txt"):
        (home / name).touch()

    run(home, sys.executable, "-m", "orders_sync", "db", "upgrade")

    assert [name for name, mode in modes(home).items() if mode & 0o077] == ["notes-of-a-person.txt"]


def test_a_ledger_elsewhere_is_closed_and_its_folder_left_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for name in ("orders.db", "orders.db-wal", "other.db"):
        (data / name).touch()
    settings = Settings(home=tmp_path / "home", ledger_url=f"sqlite:///{data}/orders.db?mode=rwc")

    keep_private(settings)

    assert modes(data) == {
        ".": 0o755,
        "orders.db": 0o600,
        "orders.db-wal": 0o600,
        "other.db": 0o644,
    }


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    home, theirs = tmp_path / "home", tmp_path / "theirs"
    home.mkdir(0o700)
    theirs.touch()
    (home / "ledger.sqlite3").symlink_to(theirs)
    settings = Settings(home=home)

    keep_private(settings)

    assert stat.S_IMODE(theirs.stat().st_mode) == 0o644
    assert open_paths(settings) == []
