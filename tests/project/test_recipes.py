"""The recipes of CONTRIBUTING.md for a field and a kind, done on a copy of the package."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orders_sync.settings import child_environment

ROOT = Path(__file__).parents[2]

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


def run(copy: Path, script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script],
        env={**child_environment(), "PYTHONPATH": f"{copy}:{ROOT / 'tests'}"},
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_field_takes_its_line_and_its_row_and_is_sent(copy: Path) -> None:
    change(copy, "commands/note.py", "    source: Text", f"{FIELD}    source: Text")
    without = run(copy, NOTE)
    change(copy, "vtex/names.py", "_table(NoteBody, ", '_table(NoteBody, colour=Row("Colour"), ')
    with_row = run(copy, NOTE)

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

    greeted = run(copy, GREETING)

    assert greeted.stdout == "send TRACKING\n", greeted.stderr
