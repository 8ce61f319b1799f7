"""What the Dockerfile says is so, as far as it can be read where no container engine is."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml
from support.command_lines import queues, understood

from orders_sync.broker.liveness import pulse_file
from orders_sync.embedded.home import run_folder
from orders_sync.embedded.process_list import worker_node
from orders_sync.settings import Settings
from orders_sync.settings_variables import PREFIX

ROOT = Path(__file__).parents[2]
IGNORED = (ROOT / ".dockerignore").read_text().splitlines()

Instructions = list[tuple[str, str]]


@pytest.fixture
def instructions() -> Instructions:
    text = (ROOT / "Dockerfile").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(words[0], words[2]) for words in (line.partition(" ") for line in joined.splitlines())]


@pytest.fixture
def final(instructions: Instructions) -> dict[str, str]:
    """The last stage, which becomes the image; of instructions that come twice, the later."""
    starts = [number for number, (name, _) in enumerate(instructions) if name == "FROM"]
    return dict(instructions[starts[-1] :])


def test_it_is_built_in_stages_on_one_pinned_image(instructions: Instructions) -> None:
    base = dict(instructions)["ARG"].removeprefix("BASE=")
    stages = [rest for name, rest in instructions if name == "FROM"]

    assert re.fullmatch(r"python:3\.\d+-slim-\w+", base)
    assert stages == ["${BASE} AS build", "${BASE}"]


def test_its_python_is_one_that_the_package_is_for(instructions: Instructions) -> None:
    base = dict(instructions)["ARG"].removeprefix("BASE=python:")

    project = (ROOT / "pyproject.toml").read_text()

    assert f'"Programming Language :: Python :: {base.split("-")[0]}"' in project


def test_its_processes_belong_to_nobody_special(final: dict[str, str]) -> None:
    user, group = final["USER"].split(":")

    assert int(user) > 0
    assert f"--uid {user} --gid {group}" in final["RUN"]


def test_nothing_is_compiled_or_fetched_in_the_last_stage(
    instructions: Instructions, final: dict[str, str]
) -> None:
    assert "pip" not in final["RUN"]
    assert "apt-get" not in final["RUN"]
    assert final["COPY"] == "--from=build /opt/orders-sync /opt/orders-sync"
    assert "ADD" not in dict(instructions)


def test_what_is_copied_is_there_and_is_let_in(instructions: Instructions) -> None:
    copies = [rest.split() for name, rest in instructions if name == "COPY"]
    sources = {word for words in copies if "--from=build" not in words for word in words[:-1]}
    let_in = {line.removeprefix("!") for line in IGNORED if line.startswith("!")}

    assert sources == let_in
    assert [source for source in sources if not (ROOT / source).exists()] == []


def test_no_secret_and_no_rubbish_is_let_in() -> None:
    rules = [line for line in IGNORED if line and not line.startswith("#")]

    assert rules[0] == "*"
    assert not [rule for rule in rules[1:] if fnmatch(".env", rule.removeprefix("!"))]
    assert "**/__pycache__" in rules


def test_signals_reach_the_process_and_it_is_one_that_exists(final: dict[str, str]) -> None:
    argv = [*json.loads(final["ENTRYPOINT"]), *json.loads(final["CMD"])]

    assert understood(argv).command_path == "orders-sync up"
    assert queues(argv) == []
    assert final["STOPSIGNAL"] == "SIGTERM"
    assert "PYTHONUNBUFFERED=1" in final["ENV"]


@pytest.mark.parametrize(
    ("age", "answer"),
    [
        pytest.param(30, 0, id="a worker consumes"),
        pytest.param(150, 1, id="the only worker is deaf"),
        pytest.param(None, 1, id="there is no worker"),
    ],
)
def test_it_is_healthy_while_a_worker_consumes(
    tmp_path: Path, final: dict[str, str], age: float | None, answer: int
) -> None:
    options, _, check = final["HEALTHCHECK"].partition("CMD ")
    run_folder(tmp_path).mkdir()
    if age is not None:
        pulse = pulse_file(run_folder(tmp_path), worker_node(1))
        pulse.touch()
        os.utime(pulse, times=(time.time() - age,) * 2)

    found = subprocess.run(
        ["/bin/sh", "-c", check],
        env={"ORDERS_SYNC_HOME": str(tmp_path), "PATH": os.defpath},
        capture_output=True,
        check=False,
    )

    assert found.returncode == answer
    assert found.stderr == b""
    assert "--timeout=" in options


def test_its_state_is_in_a_volume(final: dict[str, str]) -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    variables = dict(pair.split("=", 1) for pair in final["ENV"].split())
    home = variables[f"{PREFIX}HOME"]

    assert final["VOLUME"] == final["WORKDIR"] == home
    assert f"--mode=0700 {home}" in final["RUN"]
    assert compose["x-app"]["volumes"] == [f"home:{home}"]
    assert {name.removeprefix(PREFIX).lower() for name in variables if PREFIX in name} <= set(
        Settings.model_fields
    )
