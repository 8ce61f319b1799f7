"""What the units for systemd say is so; `systemd-analyze verify` reads the rest."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest
from support.command_lines import queues, understood

from orders_sync.doctor.capacity import needs_of
from orders_sync.domain.steps import Queue
from orders_sync.settings import Settings
from orders_sync.settings_parts import AccountSettings, VtexSettings
from orders_sync.worker.safety import _CALLS_OF_A_STEP
from orders_sync.worker.startup import CONFIGURATION_STATUS

FOLDER = Path(__file__).parents[2] / "deploy" / "systemd"
UNITS = sorted(path.name for path in FOLDER.iterdir())

every_unit = pytest.mark.parametrize("unit", UNITS)


def service(unit: str) -> dict[str, str]:
    parser = ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(FOLDER / unit)
    return dict(parser["Service"])


def command(unit: str, instance: str = "feed") -> list[str]:
    line = service(unit)["ExecStart"].replace("%i", instance).replace("%%", "%")
    program, *arguments = shlex.split(line)
    return [Path(program).name, *arguments]


@every_unit
def test_a_unit_starts_what_its_program_understands(unit: str) -> None:
    assert f"orders-sync-{understood(command(unit)).info_name}" in unit


@every_unit
def test_a_unit_comes_back_unless_only_a_person_can_help(unit: str) -> None:
    assert service(unit)["Restart"] == "always"
    assert service(unit)["RestartPreventExitStatus"] == str(CONFIGURATION_STATUS)


@every_unit
def test_a_unit_may_do_no_more_than_it_must(unit: str) -> None:
    assert service(unit)["User"] == "orders-sync"
    assert service(unit)["ProtectSystem"] == "strict"
    assert service(unit)["NoNewPrivileges"] == "yes"
    assert service(unit)["UMask"] == "0077"
    assert service(unit)["WorkingDirectory"] == "/var/lib/" + service(unit)["StateDirectory"]


@every_unit
def test_a_unit_may_open_the_files_that_the_settings_allow(unit: str) -> None:
    account = AccountSettings(app_key="key", app_token="token")

    needs = needs_of(Settings(accounts={"mystore": account}))

    assert int(service(unit)["LimitNOFILE"]) >= needs.files * 2


def test_the_workers_that_are_named_take_from_every_queue() -> None:
    unit = "orders-sync-worker@.service"
    [instances] = re.findall(r"orders-sync-worker@\{(.+)\}", (FOLDER / unit).read_text())

    taken = [queue for one in instances.split(",") for queue in queues(command(unit, one))]

    assert sorted(taken) == sorted([*Queue, Settings.model_fields["intake_queue"].default])


def test_a_worker_may_finish_its_longest_step() -> None:
    longest = VtexSettings().total_seconds * _CALLS_OF_A_STEP

    assert int(service("orders-sync-worker@.service")["TimeoutStopSec"]) > longest


def test_a_worker_is_not_replaced_before_it_could_have_found_back() -> None:
    worker = service("orders-sync-worker@.service")

    assert int(worker["WatchdogSec"]) > Settings.model_fields["silence_seconds"].default
    assert worker["NotifyAccess"] == "main"


def test_flower_listens_on_this_machine_only() -> None:
    assert "--address=127.0.0.1" in command("orders-sync-flower.service")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_systemd_finds_no_fault(tmp_path: Path) -> None:
    for unit in UNITS:
        text = (FOLDER / unit).read_text()
        # Nothing is installed here, so a program that is everywhere stands for ours.
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.MULTILINE)
        (tmp_path / unit.replace("@", "@feed")).write_text(text)

    units = [str(path) for path in tmp_path.iterdir()]
    found = subprocess.run(
        ["systemd-analyze", "verify", *units],  # noqa: S607 - wherever it is installed.
        capture_output=True,
        text=True,
        check=False,
    )

    assert [line for line in found.stderr.splitlines() if "orders-sync" in line] == []
    assert found.returncode == 0
