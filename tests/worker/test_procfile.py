"""Every line of the Procfile, started for real, asked for its work, and told to stop."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
from support.command_lines import queues, understood
from support.plant import Plant
from support.waiting import until

from orders_sync.embedded.broker import free_port
from orders_sync.embedded.home import beat_pulse_file as pulse_file
from orders_sync.embedded.processes import Child

PROCFILE = Path(__file__).parents[2] / "Procfile"
LINES = dict(
    line.split(": ", 1) for line in PROCFILE.read_text().splitlines() if not line.startswith("#")
)
QUEUES = {name: set(queues(shlex.split(line))) for name, line in LINES.items()}
WORKERS = {name: taken for name, taken in QUEUES.items() if taken}


@pytest.mark.parametrize("name", LINES)
def test_a_line_is_one_that_its_program_understands(name: str) -> None:
    assert understood(shlex.split(LINES[name])).info_name in shlex.split(LINES[name])


def test_every_process_works_and_ends_well_when_it_is_told_to(plant: Plant) -> None:
    port = free_port()
    release = start(plant, "release")
    assert release.ended_within(60)
    assert release.exit_status() == 0
    stay = LINES.keys() - {"release"}
    running = {name: start(plant, name, FLOWER_PORT=str(port)) for name in stay}

    until(lambda: consumed(plant) == once(WORKERS), "each worker takes from its queues")
    until(pulse_file(plant.home).exists, "beat sends")
    until(lambda: status(port, password="secret") == 200, "Flower lets its user in")
    orders = plant.box.create_orders(5)
    until(lambda: plant.are_handled(orders), "the orders are handled")

    assert status(port, password="wrong") == 401
    for child in running.values():
        child.terminate()
    assert [name for name, child in running.items() if not child.ended_within(60)] == []
    assert {name: child.exit_status() for name, child in running.items()} == dict.fromkeys(stay, 0)


def test_several_workers_of_a_line_have_names_of_their_own(plant: Plant) -> None:
    for port in ("5100", "5101"):
        start(plant, "erp", process=f"erp-{port}", PORT=port)

    until(lambda: consumed(plant) == {"erp": [WORKERS["erp"]] * 2}, "both answer")


def test_what_ends_everything_is_for_development_and_goes_without_flower() -> None:
    page = (PROCFILE.parent / "docs" / "operations.md").read_text()
    documented = [
        shlex.split(line) for line in page.splitlines() if line.startswith("honcho start")
    ]

    assert PROCFILE.read_text().startswith("# For development")
    assert set(LINES) - {"release", "flower"} in [{*words[2:]} for words in documented]
    assert ["honcho", "start", "flower"] in documented
    assert [words for words in documented if "flower" in words and len(words) > 3] == []


def start(plant: Plant, name: str, *, process: str = "", **changes: str) -> Child:
    """Start a line as a process manager does: by a shell."""
    bin_first = f"{Path(sys.executable).parent}{os.pathsep}{plant.environment['PATH']}"
    return plant.start(
        process or name,
        ("/bin/sh", "-c", f"exec {LINES[name]}"),
        **{"FLOWER_BASIC_AUTH": "me:secret", "PATH": bin_first, **changes},
    )


def program(line: str) -> list[str]:
    """Give a line's words, with the program of this virtual environment."""
    name, *arguments = shlex.split(line)
    return [str(Path(sys.executable).with_name(name)), *arguments]


def once(workers: Mapping[str, set[str]]) -> dict[str, list[set[str]]]:
    return {name: [taken] for name, taken in workers.items()}


def consumed(plant: Plant) -> Mapping[str, list[set[str]]]:
    """Ask the workers for their queues, each line's by the name before the port."""
    asked = program("celery -A orders_sync inspect active_queues --json --timeout=3")
    answer = subprocess.run(
        asked, env=plant.environment, cwd=plant.home, capture_output=True, text=True, check=False
    )
    if answer.returncode != 0:
        return {}
    nodes: dict[str, list[dict[str, Any]]] = json.loads(answer.stdout)
    lines: dict[str, list[set[str]]] = {}
    for node, taken in nodes.items():
        lines.setdefault(node.split("-")[0], []).append({queue["name"] for queue in taken})
    return lines


def status(port: int, *, password: str) -> int | None:
    try:
        address = f"http://127.0.0.1:{port}/workers"
        return requests.get(address, auth=("me", password), timeout=10).status_code
    except requests.ConnectionError:
        return None
