"""What the README, the Procfile and the example settings say is so."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from orders_sync.cli import main
from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import Queue
from orders_sync.settings_parts import RetrySettings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
AT_THE_ROOT = [ROOT / f"{name}.md" for name in ("README", "CHANGELOG", "SECURITY")]
PAGES = sorted([*AT_THE_ROOT, *(ROOT / "docs").rglob("*.md")])
HOW_IT_WORKS = (ROOT / "docs" / "how-it-works.md").read_text()
EVERYDAY = (ROOT / "docs" / "everyday.md").read_text()

COMMANDS = sorted(
    {
        line.split("#")[0].strip()
        for page in PAGES
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)
        for line in block.splitlines()
        if line.startswith("orders-sync ") and not line.rstrip().endswith("\\")
    }
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_that_a_page_shows_exists_with_its_options(command: str) -> None:
    words = shlex.split(command)[1:]
    found: click.Command = main

    context = click.Context(main)
    while isinstance(found, click.Group):
        following = found.get_command(context, words.pop(0))
        assert following is not None, command
        found = following
    known = {name for parameter in found.params for name in parameter.opts}

    assert {word.split("=")[0] for word in words if word.startswith("--")} <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_an_install_line_needs_a_checkout_or_a_wheel_and_no_index_of_ours(page: Path) -> None:
    asked_for = re.findall(r"pip install ([^`\n&]+)", page.read_text())

    assert [words for words in asked_for if re.search(r"(^|[ '\"])orders-sync", words)] == []


def test_what_is_installed_goes_into_a_virtual_environment() -> None:
    operations = (ROOT / "docs" / "operations.md").read_text()
    first = README.index("pip install"), operations.index("pip install '")

    assert "python3 -m venv .venv && . .venv/bin/activate" in README[: first[0]]
    assert "python3 -m venv /opt/orders-sync" in operations[: first[1]]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_to_one(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_queue_table_has_each_queue_with_its_policy() -> None:
    rows = {
        cells[0].strip("` "): cells
        for line in HOW_IT_WORKS.splitlines()
        if line.startswith("| `") and len(cells := line.strip("|").split("|")) == 5
    }
    policies = RetrySettings()

    assert set(Queue) <= set(rows)
    for queue in set(Queue) - {Queue.FEED, Queue.UPKEEP}:
        policy = getattr(policies, queue)
        assert (
            f"{policy.first_seconds:g} s \N{MULTIPLICATION SIGN}{policy.factor:g}" in rows[queue][2]
        )
        assert rows[queue][3].strip().startswith(f"{policy.attempts}, ")


def test_the_procfile_consumes_every_queue_once() -> None:
    lines = [line for line in (ROOT / "Procfile").read_text().splitlines() if " -Q " in line]
    consumed = [queue for line in lines for queue in line.split(" -Q ")[1].split()[0].split(",")]

    assert sorted(consumed) == sorted([*Queue, "celery"])
    assert all("-P threads" in line for line in lines)


def test_the_changelog_begins_with_what_is_unreleased() -> None:
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert headings[0] == "Unreleased"


def test_the_words_of_the_pages_are_those_of_the_code() -> None:
    assert "--standing waiting" in EVERYDAY
    assert "waiting" in {standing.value for standing in Standing}
