"""CONTRIBUTING.md says what is so: its commands, paths and folders, and its recipes.

The recipes are followed on a copy of the package.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from orders_sync import __version__
from orders_sync.settings import child_environment

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
COMMANDS = [
    line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()
]
NAMES = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL))
PATHS = [name for name in NAMES if re.fullmatch(r"[\w./-]+", name) and "/" in name]
FILES = [name for name in NAMES if re.fullmatch(r"[\w.-]+\.(?:md|toml|example)", name)]

FIELD = '    colour: Text | None = Field(None, description="Its colour.")\n'

KIND = '''"""Greetings."""

from orders_sync.commands.body import Body, Text
from orders_sync.commands.kind import Kind
from orders_sync.commands.verdicts import Intent, Send
from orders_sync.domain.steps import Step


class GreetBody(Body):
    """A greeting."""

    words: Text


GREET = Kind(
    noun="greeting",
    collection="greetings",
    example={"words": "Good morning"},
    name="greet",
    summary="Greet.",
    body=GreetBody,
    step=Step.SEND_GREETING,
    operations=("add_interaction",),
    judge_early=lambda body, known: Send(body, Intent("greet", known.now)),
)
'''

NOTE = """
from unit.vtex.recording import client_of
from orders_sync.commands.note import NoteBody
from orders_sync.vtex.exchange import Response

client, recorder = client_of(Response(200))
client.add_interaction("1-01", NoteBody(message="hello", colour="red"))
print(recorder.sent[2]["Colour"])
"""

GREETING = """
from orders_sync.commands import NAMED
from orders_sync.commands.acceptance import read_body
from orders_sync.domain.steps import Step
from orders_sync.outbound import tasks
from orders_sync.outbound.steps import STEPS
from orders_sync.worker.calls import CALLS, lane_of

assert read_body("greet", {"words": "hello"}).words == "hello"
assert "orders_sync.greet" in [task.name for task in tasks.INTAKE]
assert CALLS[Step.SEND_GREETING] == ("add_interaction",)
print(STEPS[Step.SEND_GREETING].__name__, lane_of(Step.SEND_GREETING).name)
"""

COMMAND = '''"""`orders-sync greet`: greets."""

import click

from orders_sync.cli.output import as_json, print_outcome


@click.command()
@as_json
def greet(*, as_json: bool) -> None:
    """Greet the person who types it.

    --json: {words}.
    """
    print_outcome({"words": "hello"}, "Hello.", as_json=as_json)
'''

CHECK = '''"""Examines whether there is anybody to greet."""

from collections.abc import Iterator

from orders_sync.doctor.findings import Finding, State
from orders_sync.settings import Settings


def examine_greeting(settings: Settings) -> Iterator[Finding]:
    """Look for an account."""
    if not settings.accounts:
        yield Finding("greeting", "heard", State.WARNING, "nobody is there", "Add an account.")
'''

EXAMINATION = """
from datetime import UTC, datetime
from pathlib import Path
from orders_sync.doctor.examination import examine
from orders_sync.settings import Settings

load = lambda: Settings(home=Path("home"), _env_file=None)
findings = examine(load, clock=lambda: datetime.now(UTC), made_up_id="nobody", seconds=20)
print(*(finding.do for finding in findings if finding.subject == "greeting"))
"""


def extra(name: str) -> set[str]:
    """The programs and packages that an extra installs, and those of the extras it includes."""
    wanted = PROJECT["project"]["optional-dependencies"][name]
    plain = {re.split(r"[\[>=;]", each)[0] for each in wanted}
    included = [each for each in wanted if each.startswith("orders-sync[")]
    return plain.union(*(extra(each[len("orders-sync[") : -1]) for each in included))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    unneeded = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "orders_sync", tmp_path / "orders_sync", ignore=unneeded)
    return tmp_path


def change(copy: Path, file: str, old: str, new: str) -> None:
    path = copy / "orders_sync" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def run(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env={**child_environment(), "PYTHONPATH": f"{copy}:{ROOT / 'tests'}"},
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
    )


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
        "settings_shown",
        "settings_variables",
    }
    assert rooms - named <= beside


def test_a_field_takes_its_line_and_its_row_and_is_sent(copy: Path) -> None:
    change(copy, "commands/note.py", "    source: Text", f"{FIELD}    source: Text")
    without = run(copy, "-c", NOTE)
    change(copy, "vtex/names.py", "_table(NoteBody, ", '_table(NoteBody, colour=Row("Colour"), ')
    with_row = run(copy, "-c", NOTE)

    assert "NoteBody and its table differ in: colour" in without.stderr
    assert with_row.stdout == "red\n", with_row.stderr


def test_a_kind_takes_its_module_and_three_lines(copy: Path) -> None:
    (copy / "orders_sync/commands/greet.py").write_text(KIND)
    change(copy, "commands/__init__.py", "NOTE, SYNC)", "NOTE, SYNC, GREET)")
    change(
        copy,
        "commands/__init__.py",
        "from orders_sync.commands.invoice",
        "from orders_sync.commands.greet import GREET\nfrom orders_sync.commands.invoice",
    )
    change(
        copy,
        "domain/steps.py",
        '    SEND_NOTE = "tracking.note"\n',
        '    SEND_NOTE = "tracking.note"\n    SEND_GREETING = "tracking.greet"\n',
    )
    change(copy, "outbound/steps.py", '"note": _note,', '"note": _note, "greet": _note,')

    greeted = run(copy, "-c", GREETING)

    assert greeted.stdout == "send TRACKING\n", greeted.stderr


def test_a_command_of_the_cli_takes_its_function_and_a_row(copy: Path) -> None:
    (copy / "orders_sync/cli/greet.py").write_text(COMMAND)
    change(
        copy,
        "cli/__init__.py",
        "COMMANDS: Final = {\n",
        'COMMANDS: Final = {\n    "greet": ("orders_sync.cli.greet:greet", "Greet."),\n',
    )

    listed = run(copy, "-m", "orders_sync", "--help")
    greeted = run(copy, "-m", "orders_sync", "greet")
    as_json = run(copy, "-m", "orders_sync", "greet", "--json")

    assert "greet       Greet.\n" in listed.stdout, listed.stderr
    assert greeted.stdout == "Hello.\n", greeted.stderr
    assert json.loads(as_json.stdout) == {"words": "hello"}


def test_a_check_of_doctor_takes_its_generator_and_a_probe(copy: Path) -> None:
    (copy / "orders_sync/doctor/greeting.py").write_text(CHECK)
    change(
        copy,
        "doctor/examination.py",
        "from orders_sync.doctor.ledger",
        "from orders_sync.doctor.greeting import examine_greeting\nfrom orders_sync.doctor.ledger",
    )
    probe = '    yield Probe("greeting", "all", lambda: examine_greeting(settings))\n'
    change(
        copy, "doctor/examination.py", "    yield Probe(BROKER", f"{probe}    yield Probe(BROKER"
    )

    examined = run(copy, "-c", EXAMINATION)

    assert examined.stdout == "Add an account.\n", examined.stderr
