"""CONTRIBUTING.md says what is so: its commands, its paths, its folders."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from orders_sync import __version__

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
COMMANDS = [
    line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()
]
NAMES = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL))
PATHS = [name for name in NAMES if re.fullmatch(r"[\w./-]+", name) and "/" in name]
FILES = [name for name in NAMES if re.fullmatch(r"[\w.-]+\.(?:md|toml|example)", name)]


def extra(name: str) -> set[str]:
    """The programs and packages that an extra installs, and those of the extras it includes."""
    wanted = PROJECT["project"]["optional-dependencies"][name]
    plain = {re.split(r"[\[>=;]", each)[0] for each in wanted}
    included = [each for each in wanted if each.startswith("orders-sync[")]
    return plain.union(*(extra(each[len("orders-sync[") : -1]) for each in included))


@pytest.mark.parametrize("path", sorted({*PATHS, *FILES}))
def test_every_path_that_the_page_names_exists(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_page_is_pythons_or_one_that_the_page_installs(command: str) -> None:
    packages = {"lint-imports": "import-linter"}
    program, *arguments = shlex.split(command)
    folders = [word for word in arguments if word.startswith("tests/")]

    known = program in {"python3", ".", "pip"} or (ROOT / program).is_file()
    assert known or packages.get(program, program) in extra("dev")
    assert all((ROOT / folder).is_dir() for folder in folders)


def test_every_folder_of_tests_has_its_row_and_no_other() -> None:
    rows = re.findall(r"^\| `(tests/\w+)` \|", PAGE, re.MULTILINE)

    folders = [path for path in (ROOT / "tests").iterdir() if path.is_dir()]
    assert set(rows) == {f"tests/{path.name}" for path in folders if path.name != "__pycache__"}


def test_what_is_checked_by_hand_is_what_ci_runs() -> None:
    script = (ROOT / ".ci" / "run").read_text().splitlines()

    by_hand = COMMANDS[COMMANDS.index("pytest") + 1 :]
    assert [line for line in script if line in by_hand] == by_hand
    assert by_hand


def test_the_version_has_one_place() -> None:
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert PROJECT["tool"]["hatch"]["version"]["path"] == "orders_sync/__init__.py"
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)


def test_the_map_names_every_room_that_a_contract_knows() -> None:
    layers = PROJECT["tool"]["importlinter"]["contracts"][0]["layers"]
    rooms = {name.partition(".")[2] for layer in layers for name in layer.split(" | ")}

    table = "\n".join(re.findall(r"^\| `orders_sync/.*$", PAGE, re.MULTILINE))
    named = {name.removesuffix(".py") for name in re.findall(r"`orders_sync/([\w.]+)/?`", table)}
    beside = {
        "__main__",
        "celery",
        "postgresql",
        "postgresql_connection",
        "settings_parts",
        "settings_problems",
        "settings_sources",
        "settings_shown",
    }
    assert rooms - named <= beside
