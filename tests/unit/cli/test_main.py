from __future__ import annotations

import subprocess
import sys
from types import ModuleType

import click
import pytest
from click.testing import CliRunner

from orders_sync.cli import COMMANDS, main
from orders_sync.errors import ConfigurationError, OrdersSyncError
from orders_sync.settings import child_environment

HELP_AND_MODULES = """
import sys
from orders_sync.cli import main
main(["--help"], standalone_mode=False)
print(*sys.modules, file=sys.stderr)
"""


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> click.Command:
    """Add commands that fail as ours do."""
    module = ModuleType("failing_commands")

    @click.command()
    @click.argument("kind")
    def failing(kind: str) -> None:
        if kind == "interrupted":
            raise KeyboardInterrupt
        raise (ConfigurationError if kind == "unset" else OrdersSyncError)("X is wrong.")

    module.failing = failing  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(COMMANDS, "failing", ("failing_commands:failing", "Fails."))
    return failing


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    result = CliRunner().invoke(main, [name, "--help"])

    assert result.exit_code == 0
    assert f"main {name}" in result.output


def test_help_names_every_command() -> None:
    output = CliRunner().invoke(main, ["--help"]).output

    assert [name for name in COMMANDS if f"  {name} " not in output] == []


def test_help_imports_nothing_slow() -> None:
    process = subprocess.run(
        [sys.executable, "-c", HELP_AND_MODULES],
        env=child_environment(),
        capture_output=True,
        check=True,
        text=True,
    )

    imported = process.stderr.split()
    assert "click" in imported
    assert not {"celery", "sqlalchemy", "redis", "requests", "pydantic", "rich"} & set(imported)


def test_a_look_into_the_ledger_imports_no_broker() -> None:
    looks = "import sys, orders_sync.cli.commands, orders_sync.cli.orders, orders_sync.cli.parked"
    process = subprocess.run(
        [sys.executable, "-c", f"{looks}; print(*sys.modules)"],
        env=child_environment(),
        capture_output=True,
        check=True,
        text=True,
    )

    imported = process.stdout.split()
    assert "sqlalchemy" in imported
    assert not {"alembic", "celery", "redis", "starlette"} & set(imported)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        pytest.param("unset", 3, id="something must be configured"),
        pytest.param("refused", 1, id="something was refused"),
    ],
)
@pytest.mark.usefixtures("failing")
def test_an_error_is_one_line_and_a_status(kind: str, status: int) -> None:
    result = CliRunner().invoke(main, ["failing", kind])

    assert result.exit_code == status
    assert result.stderr == "orders-sync: X is wrong.\n"
    assert result.stdout == ""


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["nonsense"], id="no such command"),
        pytest.param(["demo", "--orders", "none"], id="no number"),
        pytest.param(["demo", "--chaos", "total"], id="no such chaos"),
        pytest.param(["up", "--workers", "0"], id="no worker"),
    ],
)
def test_wrong_usage_has_a_status_of_its_own(arguments: list[str]) -> None:
    assert CliRunner().invoke(main, arguments).exit_code == 2


@pytest.mark.usefixtures("failing")
def test_ctrl_c_has_the_status_that_shells_have_for_it() -> None:
    result = CliRunner().invoke(main, ["failing", "interrupted"])

    assert (result.exit_code, result.output) == (130, "")
