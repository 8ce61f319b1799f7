"""What docker-compose.yml says is so: its commands, settings, queues and ports are the package's.

There is no container engine where tests run; what it would be told is read in its stead.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.command_lines import queues, understood

from orders_sync.broker.liveness import pulse_file
from orders_sync.domain.steps import Queue
from orders_sync.embedded.home import beat_pulse_file as beat_file
from orders_sync.embedded.home import run_folder
from orders_sync.settings import Settings, load_settings
from orders_sync.settings_parts import VtexSettings
from orders_sync.settings_variables import PREFIX
from orders_sync.worker.safety import _CALLS_OF_A_STEP

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE = yaml.safe_load(TEXT)
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = sorted(name for name in SERVICES if name not in {"redis", "postgres"})
WORKERS = sorted(name for name in SERVICES if "worker" in SERVICES[name].get("command", ()))
DEMO = dict(
    line.split("=", 1)
    for line in (ROOT / "deploy" / "demo.env").read_text().splitlines()
    if line and not line.startswith("#")
)

every_service = pytest.mark.parametrize("name", sorted(SERVICES))
every_one_of_ours = pytest.mark.parametrize("name", OURS)
every_worker = pytest.mark.parametrize("name", WORKERS)


def filled_in(text: str) -> str:
    """Put the demo's values where Compose would put those of `--env-file`."""
    text = re.sub(r"\$\{(\w+):\?[^}]*\}", lambda found: DEMO[found[1]], text)
    text = re.sub(r"\$\{(\w+):-([^}]*)\}", lambda found: DEMO.get(found[1], found[2]), text)
    return text.replace("$$", "$")


def command(name: str) -> list[str]:
    service = SERVICES[name]
    argv = [*service.get("entrypoint", ["orders-sync"]), *service["command"]]
    return [filled_in(word) for word in argv]


def environment(name: str) -> dict[str, str]:
    return {k: filled_in(v) for k, v in SERVICES[name].get("environment", {}).items()}


def seconds(duration: str) -> int:
    number, unit = int(duration[:-1]), duration[-1]
    return number * {"s": 1, "m": 60}[unit]


@every_one_of_ours
def test_a_command_is_one_that_its_program_understands(name: str) -> None:
    assert understood(command(name)).info_name in {*command(name)}


def test_the_workers_together_take_from_every_queue_once() -> None:
    taken = [queue for name in WORKERS for queue in queues(command(name))]

    assert sorted(taken) == sorted([*Queue, Settings.model_fields["intake_queue"].default])


@every_worker
@pytest.mark.parametrize(
    ("age", "answer", "told"),
    [
        pytest.param(30, 0, "", id="it consumes"),
        pytest.param(150, 1, "told to end", id="it is deaf"),
        pytest.param(None, 1, "", id="it starts"),
    ],
)
def test_a_worker_is_healthy_while_it_consumes_and_told_to_end_when_it_is_deaf(
    tmp_path: Path, name: str, age: float | None, answer: int, told: str
) -> None:
    [how, check] = SERVICES[name]["healthcheck"]["test"]
    node = command(name)[command(name).index("-n") + 1].replace("%h", "0a1b2c")
    pulse = pulse_file(run_folder(tmp_path), node)
    if age is not None:
        pulse.parent.mkdir()
        pulse.touch()
        os.utime(pulse, times=(time.time() - age,) * 2)

    script = filled_in(check).replace("kill 1", "echo told to end")
    found = subprocess.run(
        ["/bin/sh", "-c", script],
        env={"ORDERS_SYNC_HOME": str(tmp_path), "HOSTNAME": "0a1b2c", "PATH": os.defpath},
        capture_output=True,
        text=True,
        check=False,
    )

    assert how == "CMD-SHELL"
    assert "kill 1" in check
    assert (found.returncode, found.stdout.strip(), found.stderr) == (answer, told, "")


@every_worker
def test_a_worker_is_not_told_to_end_before_it_could_have_found_back(name: str) -> None:
    [_, check] = SERVICES[name]["healthcheck"]["test"]
    [minutes] = re.findall(r"-mmin \+(\d+)", check)

    assert int(minutes) * 60 >= Settings.model_fields["silence_seconds"].default


@every_worker
def test_a_worker_may_finish_its_longest_step(name: str) -> None:
    longest = VtexSettings().total_seconds * _CALLS_OF_A_STEP

    assert seconds(SERVICES[name]["stop_grace_period"]) > longest


@every_worker
def test_a_worker_waits_for_the_tables_and_the_broker(name: str) -> None:
    conditions = {k: v["condition"] for k, v in SERVICES[name]["depends_on"].items()}

    assert conditions == {
        "redis": "service_healthy",
        "postgres": "service_healthy",
        "migrate": "service_completed_successfully",
    }
    assert understood(command("migrate")).command_path == "orders-sync db upgrade"


def test_beat_is_healthy_while_the_broker_takes_its_messages() -> None:
    [_, check] = SERVICES["beat"]["healthcheck"]["test"]

    file = beat_file(Path(environment("beat")["ORDERS_SYNC_HOME"]))

    assert f"$ORDERS_SYNC_HOME/{file.name}" in filled_in(check)
    assert file.parent == Path(environment("beat")["ORDERS_SYNC_HOME"])


@every_one_of_ours
def test_a_setting_is_one_that_exists(name: str) -> None:
    named = {variable for variable in environment(name) if variable.startswith(PREFIX)}

    known = {PREFIX + field.upper() for field in Settings.model_fields}

    assert named <= known


def test_the_demo_works_on_the_sandbox_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for variable, value in {**DEMO, **environment("orders")}.items():
        monkeypatch.setenv(variable, value.strip("'"))

    settings = load_settings()

    played = understood(command("sandbox")).params
    assert list(settings.accounts) == [played["account"]]
    assert settings.base_url(played["account"]) == f"http://sandbox:{played['port']}"
    assert "@postgres:5432/erp" in settings.accounts[played["account"]].erp_options["url"]
    assert "@redis:6379/" in str(settings.broker_url)
    assert "@postgres:5432/orders_sync" in settings.ledger
    assert SERVICES["sandbox"]["profiles"] == [DEMO["COMPOSE_PROFILES"]] == ["demo"]
    assert (ROOT / DEMO["ENV_FILE"]).exists()


def test_the_broker_throws_nothing_away() -> None:
    argv = SERVICES["redis"]["command"]
    chosen = {name: argv[argv.index(name) + 1] for name in argv if name.startswith("--")}

    assert chosen["--maxmemory-policy"] == "noeviction"
    assert chosen["--appendonly"] == "yes"
    assert "redis:/data" in SERVICES["redis"]["volumes"]


def test_what_must_be_set_is_in_the_example() -> None:
    required = set(re.findall(r"\$\{(\w+):\?", TEXT))
    example = (ROOT / ".env.example").read_text()

    passwords = {"REDIS_PASSWORD", "PRODUCER_PASSWORD", "POSTGRES_PASSWORD"}
    assert required == {*passwords, "FLOWER_BASIC_AUTH"}
    assert [name for name in required if f"{name}=" not in example] == []


def test_no_secret_stands_in_the_file() -> None:
    variables = {k: v for one in SERVICES.values() for k, v in one.get("environment", {}).items()}
    secret = {name for name in variables if re.search("PASSWORD|AUTH|TOKEN|KEY|URL", name)}

    assert secret
    assert {name for name in secret if "${" not in variables[name]} == set()
    assert "APP_TOKEN" not in TEXT


def test_flower_has_a_password_and_a_port_of_this_machine() -> None:
    flower = SERVICES["flower"]

    assert flower["environment"]["FLOWER_BASIC_AUTH"].startswith("${FLOWER_BASIC_AUTH:?")
    assert flower["ports"] == ["127.0.0.1:5555:5555"]
    assert "--port=5555" in flower["command"]
    assert "127.0.0.1:5555/healthcheck" in flower["healthcheck"]["test"][-1]


@every_service
def test_a_port_is_published_on_this_machine_only(name: str) -> None:
    assert [p for p in SERVICES[name].get("ports", ()) if not p.startswith("127.0.0.1:")] == []


@every_service
def test_a_container_may_do_no_more_than_it_must(name: str) -> None:
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}
    assert service["restart"] == ("no" if name == "migrate" else "unless-stopped")
    assert service["init"] is True


@every_service
def test_what_a_service_stands_on_is_there(name: str) -> None:
    service = SERVICES[name]

    for volume in service.get("volumes", ()):
        source = volume.split(":")[0]
        assert source in COMPOSE["volumes"] or (ROOT / source).is_dir()
    assert set(service["networks"]) <= set(COMPOSE["networks"])
    for other, terms in service.get("depends_on", {}).items():
        assert other in SERVICES
        assert terms["condition"] != "service_healthy" or "healthcheck" in SERVICES[other]
    assert "healthcheck" in service or name == "migrate"


@every_service
def test_an_image_is_built_here_or_pinned(name: str) -> None:
    service = SERVICES[name]
    image, _, tag = service["image"].partition(":")

    assert tag
    assert service.get("build") == "." if image == "orders-sync" else re.search(r"\d+\.\d+", tag)


def test_the_ledger_and_the_broker_cannot_be_reached_from_outside() -> None:
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert {name: SERVICES[name]["networks"] for name in ("redis", "postgres")} == {
        "redis": ["inside"],
        "postgres": ["inside"],
    }
