"""`orders-sync adapter new`: what it writes passes its own checks, and takes real orders."""

from __future__ import annotations

import json
import random
import re
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from support.flow import STORE, Flow

from orders_sync.bootstrap import Services
from orders_sync.cli import main
from orders_sync.erp.mapping import read_mapping
from orders_sync.erp.registry import GROUP
from orders_sync.ledger.journal import Act
from orders_sync.settings import child_environment, load_settings
from orders_sync.testing.clock import SettableClock
from orders_sync.testing.offering import offer

ROOT = Path(__file__).parents[2]
LONGEST = "a-name-of-as-many-letters-as-m"


def new(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["adapter", "new", *arguments])


def install(folder: Path, name: str) -> None:
    """Write the package, and the metadata that pip would write for its entry point."""
    result = new(name, "--folder", str(folder))
    assert result.exit_code == 0, result.output
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    offer(folder, project["name"], **project["entry-points"][GROUP])


def runs(folder: Path, *command: str) -> str:
    """Run a module's command in the folder, with our sources and the package's on the path."""
    run = subprocess.run(
        [sys.executable, "-m", *command],
        check=False,
        cwd=folder,
        env=child_environment(PYTHONPATH=f"{folder}:{ROOT}", PYTHONDONTWRITEBYTECODE="1"),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


@pytest.mark.parametrize("name", ["acme", LONGEST])
def test_the_package_passes_its_own_lint_whatever_its_name(name: str, tmp_path: Path) -> None:
    install(tmp_path, name)

    runs(tmp_path, "ruff", "check", "--no-cache", ".")
    runs(tmp_path, "ruff", "format", "--no-cache", "--check", ".")
    assert len(name) <= 30


def test_the_package_passes_its_own_tests(tmp_path: Path) -> None:
    install(tmp_path, "acme-cloud")

    said = runs(tmp_path, "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly")

    assert re.search(r"^\d{2,} passed", said, re.MULTILINE)
    assert "skipped" not in said


def test_its_ci_runs_what_is_tested_here(tmp_path: Path) -> None:
    install(tmp_path, "acme")

    script = tmp_path / ".ci" / "run"
    commands = script.read_text().splitlines()[-4:]
    checks = ["ruff check .", "ruff format --check .", "pytest"]
    assert commands == ["pip install --quiet '.[test]'", *checks]
    assert script.stat().st_mode & 0o111
    workflow = yaml.safe_load((tmp_path / ".github" / "workflows" / "ci.yml").read_text())
    assert workflow["jobs"]["ci"]["steps"][-1] == {"run": ".ci/run"}
    assert read_mapping(tmp_path / "mapping.yml").count > 0


class AcmeFlow(Flow):
    """The road in, with the account that the environment sets."""

    def __init__(self, home: Path, clock: SettableClock) -> None:
        super().__init__(home, clock)
        self.services.close()
        self.settings = load_settings()
        self.services = Services(
            self.settings, clock=clock, random=random.Random(1), adapter=self.adapter
        )


@pytest.fixture
def flow(tmp_path: Path, clock: SettableClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flow]:
    """Give the road that leads to the adapter, whose mapping has no rows yet."""
    install(tmp_path / "acme", "acme")
    monkeypatch.syspath_prepend(str(tmp_path / "acme"))
    (tmp_path / "mapping.yml").write_text("")
    settings = {
        "ERP": "acme",
        "ERP_MAPPING": str(tmp_path / "mapping.yml"),
        "APP_KEY": "key",
        "APP_TOKEN": "token",
        "BASE_URL": "http://vtex",
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"ORDERS_SYNC_ACCOUNTS__{STORE.upper()}__{name}", value)
    monkeypatch.setenv("ORDERS_SYNC_HOME", str(tmp_path))
    flow = AcmeFlow(tmp_path, clock)
    yield flow
    flow.close()
    for module in [name for name in sys.modules if name.startswith("orders_sync_acme")]:
        del sys.modules[module]


def test_who_adds_the_rows_that_the_hints_show_gets_the_order_placed(
    flow: Flow, tmp_path: Path
) -> None:
    mapping = tmp_path / "mapping.yml"
    [order_id] = flow.box.create_orders(1)
    flow.poll()
    flow.drain()
    tables: dict[str, dict[str, str]] = {}
    causes: list[str] = []

    while (order := flow.order(order_id))["standing"] == "parked" and len(causes) < 20:
        causes.append(order["cause"])
        row = re.fullmatch(
            rf"Add to {re.escape(str(mapping))}: (.*), then retry the order\.", order["hint"]
        )
        assert row, order["hint"]
        [(table, rows)] = yaml.safe_load(row[1].replace("...", f"CODE-{len(causes)}")).items()
        tables.setdefault(table, {}).update(rows)
        mapping.write_text(yaml.safe_dump(tables, allow_unicode=True))
        act = Act(flow.clock(), "ana", None)
        ledger = flow.services.ledger
        flow.queue += ledger.decisions.retry_order(STORE, order_id, act)
        flow.drain()

    assert flow.box.order(order_id).status == "handling"
    assert set(causes) == {"erp.unmapped", "erp.item_unmapped"}
    with closing(sqlite3.connect(tmp_path / "acme.sqlite3")) as acme:
        items = acme.execute("SELECT item FROM sale_lines").fetchall()
    assert {item for (item,) in items} == set(tables["skus"].values())


def test_orders_wait_for_a_mapping_that_is_wrong_and_go_on_once_it_is_mended(
    flow: Flow, tmp_path: Path
) -> None:
    mapping = tmp_path / "mapping.yml"
    mapping.write_text("carrier: {}")
    [order_id] = flow.box.create_orders(1)
    flow.poll()
    flow.drain()
    waiting = flow.order(order_id)

    mapping.write_text("carriers: {}")
    flow.settle(rounds=10)

    assert (waiting["standing"], waiting["cause"]) == ("waiting", "erp.mapping_unusable")
    assert "line 1: there is no table" in waiting["reason"]
    assert flow.order(order_id)["cause"] == "erp.unmapped"


@pytest.mark.parametrize(
    ("name", "status", "says"),
    [
        ("Acme", 2, "small letters"),
        ("acme_erp", 2, "small letters"),
        ("7up", 2, "a letter first"),
        ("acme-", 2, "small letters"),
        ("../acme", 2, "small letters"),
        ("a" * 31, 2, "30 at most"),
        ("staging", 1, "Take another name"),
        ("producer", 1, "Take another name"),
    ],
)
def test_a_name_that_cannot_be_is_refused(
    name: str, status: int, says: str, tmp_path: Path
) -> None:
    result = new(name, "--folder", str(tmp_path / "acme"))

    assert (result.exit_code, says in result.output) == (status, True)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")

    result = new("acme", "--folder", str(tmp_path))

    assert result.exit_code == 1
    assert "--folder DIR" in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_it_goes_to_a_folder_of_its_name_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    told = json.loads(new("acme", "--json").output)

    written = [path for path in (tmp_path / "orders-sync-acme").rglob("*") if path.is_file()]
    assert told["folder"] == "orders-sync-acme"
    assert sorted(told["files"]) == sorted(
        str(path.relative_to(tmp_path / "orders-sync-acme")) for path in written
    )
