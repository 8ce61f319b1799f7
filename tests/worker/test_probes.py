"""The probes of deploy/kubernetes, asked of the processes that they are for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
from support.manifests import command, container, deployments
from support.plant import Plant
from support.waiting import until

from orders_sync.broker.liveness import pulse_file
from orders_sync.embedded.broker import free_port
from orders_sync.embedded.home import beat_pulse_file, run_folder
from orders_sync.embedded.processes import Child

DEPLOYMENTS = deployments()


def start(plant: Plant, name: str, **changes: str) -> Child:
    program, *arguments = command(DEPLOYMENTS[name])
    port = changes.pop("port", "5555")
    argv = [word.replace("--port=5555", f"--port={port}") for word in arguments]
    return plant.start(name, (str(Path(sys.executable).with_name(program)), *argv), **changes)


def passes(plant: Plant, name: str, probe: str) -> bool:
    words = container(DEPLOYMENTS[name])[probe]["exec"]["command"]
    return subprocess.run(words, env=plant.environment, check=False).returncode == 0


def node(name: str) -> str:
    return f"{name}@{os.uname().nodename}"


@pytest.mark.parametrize("name", ["erp", "beat"])
def test_a_process_that_works_passes_its_probes_and_a_silent_one_does_not(
    plant: Plant, name: str
) -> None:
    pulse = {
        "erp": pulse_file(run_folder(plant.home), node("erp")),
        "beat": beat_pulse_file(plant.home),
    }[name]
    before = passes(plant, name, "startupProbe")

    child = start(plant, name)
    until(lambda: passes(plant, name, "startupProbe"), "it has started")
    well = passes(plant, name, "readinessProbe"), passes(plant, name, "livenessProbe")
    os.kill(child.pid or 0, signal.SIGSTOP)
    os.utime(pulse, times=(time.time() - 150,) * 2)

    assert not before
    assert well == (True, True)
    assert not passes(plant, name, "readinessProbe")
    assert not passes(plant, name, "livenessProbe")


def test_flower_answers_its_probes_without_a_password(plant: Plant) -> None:
    port = free_port()
    path = container(DEPLOYMENTS["flower"])["livenessProbe"]["httpGet"]["path"]

    start(plant, "flower", port=str(port), FLOWER_BASIC_AUTH="me:secret")

    until(lambda: status(f"http://127.0.0.1:{port}{path}") == 200, "Flower answers")


def status(address: str) -> int | None:
    try:
        return requests.get(address, timeout=10).status_code
    except requests.ConnectionError:
        return None
