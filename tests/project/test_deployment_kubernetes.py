"""What deploy/kubernetes says is so, and a cluster would take it.

There is no cluster where tests run; its schemas, and the package, are read in its stead.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from support.command_lines import queues, understood
from support.manifests import (
    FOLDER,
    Resource,
    command,
    configured,
    container,
    deployments,
    kustomization,
    pod,
    resources,
    variables,
)

from orders_sync.broker.liveness import pulse_file
from orders_sync.domain.steps import Queue
from orders_sync.embedded.home import beat_pulse_file, run_folder
from orders_sync.settings import Settings, load_settings
from orders_sync.settings_parts import VtexSettings
from orders_sync.settings_variables import PREFIX
from orders_sync.worker.safety import _CALLS_OF_A_STEP

#: The oldest minor version that clusters are supported in.
CLUSTER = "1.34"

ROOT = FOLDER.parents[1]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
PARTS = ("base", "redis")
ALL = [resource for part in PARTS for resource in resources(part)]
RUNNING = [resource for resource in ALL if "template" in resource.get("spec", {})]
DEPLOYMENTS = deployments()
WORKERS = sorted(name for name, each in DEPLOYMENTS.items() if "worker" in command(each))


def name_of(resource: Resource) -> str:
    return f"{resource['kind']}/{resource['metadata']['name']}"


every_resource = pytest.mark.parametrize("resource", ALL, ids=name_of)
everything_that_runs = pytest.mark.parametrize("resource", RUNNING, ids=name_of)
every_worker = pytest.mark.parametrize("name", WORKERS)


@every_resource
def test_a_cluster_takes_it(resource: Resource) -> None:
    assert kubernetes_validate.validate(resource, CLUSTER, strict=True) == CLUSTER


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl here")
def test_kustomize_makes_one_whole_of_it(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    chosen = tmp_path / "example" / "kustomization.yaml"
    chosen.write_text(chosen.read_text().replace("# - ../keda", "- ../keda"))

    built = subprocess.run(
        ["kubectl", "kustomize", str(chosen.parent)],  # noqa: S607 - wherever it is installed.
        capture_output=True,
        text=True,
        check=False,
    )

    assert built.stderr == ""
    whole = list(yaml.safe_load_all(built.stdout))
    for resource in whole:
        if resource["kind"] != "ScaledObject":
            kubernetes_validate.validate(resource, CLUSTER, strict=True)
    generated = {
        each["metadata"]["name"] for each in whole if each["kind"] in {"Secret", "ConfigMap"}
    }
    named = {
        entry[reference]["name"]
        for each in whole
        if each["kind"] in {"Deployment", "Job"}
        for entry in container(each)["envFrom"]
        for reference in entry
    }
    assert named <= generated
    assert len(named) == 4


def test_the_processes_are_those_of_compose() -> None:
    gateway = ["orders-sync", *COMPOSE["gateway"]["command"]]

    assert {name: command(each) for name, each in DEPLOYMENTS.items()} == {"gateway": gateway} | {
        name: [*service["entrypoint"], *intake_filled_in(service["command"])]
        for name, service in COMPOSE.items()
        if "celery" in service.get("entrypoint", ())
    }
    assert {name: each["spec"]["replicas"] for name, each in DEPLOYMENTS.items()} == {
        name: COMPOSE[name]["deploy"]["replicas"] for name in DEPLOYMENTS
    }


def intake_filled_in(words: list[str]) -> list[str]:
    return [re.sub(r"\$\{ORDERS_SYNC_INTAKE_QUEUE:-(\w+)\}", r"\1", word) for word in words]


@everything_that_runs
def test_a_command_is_one_that_its_program_understands(resource: Resource) -> None:
    if resource["kind"] == "StatefulSet":
        assert command(resource)[0] == "redis-server"
        return

    assert understood(command(resource)).info_name in command(resource)


def test_the_workers_together_take_from_every_queue_once() -> None:
    taken = [queue for name in WORKERS for queue in queues(command(DEPLOYMENTS[name]))]

    assert sorted(taken) == sorted([*Queue, Settings.model_fields["intake_queue"].default])


def test_the_tables_are_made_before_a_worker_can_work() -> None:
    [job] = [resource for resource in ALL if resource["kind"] == "Job"]

    assert understood(command(job)).command_path == "orders-sync db upgrade"
    assert pod(job)["restartPolicy"] == "OnFailure"


def test_as_many_workers_are_counted_on_as_there_are() -> None:
    pods = sum(DEPLOYMENTS[name]["spec"]["replicas"] for name in WORKERS)
    [merged] = kustomization("keda")["configMapGenerator"]
    scaled = {each["spec"]["scaleTargetRef"]["name"]: each["spec"] for each in resources("keda")}
    more = sum(
        spec["maxReplicaCount"] - DEPLOYMENTS[name]["spec"]["replicas"]
        for name, spec in scaled.items()
    )

    assert configured()["ORDERS_SYNC_PROCESSES"] == str(pods)
    assert merged["literals"] == [f"ORDERS_SYNC_PROCESSES={pods + more}"]


@pytest.mark.parametrize("scaled", resources("keda"), ids=name_of)
def test_more_pods_come_by_a_figure_that_beat_shows(scaled: Resource) -> None:
    spec = scaled["spec"]
    [trigger] = spec["triggers"]
    [metric] = set(re.findall(r"orders_sync_\w+", trigger["metadata"]["query"]))

    source = (ROOT / "orders_sync" / "metrics" / "ledger.py").read_text()
    target = DEPLOYMENTS[spec["scaleTargetRef"]["name"]]

    assert f'"{metric}"' in source
    assert spec["minReplicaCount"] == target["spec"]["replicas"] == spec["fallback"]["replicas"]


def test_the_example_has_every_setting_that_it_must_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    files = [f"example/{name}" for [name] in (g["envs"] for g in secrets())]
    given = {**configured(), **{k: v for file in files for k, v in variables(file).items()}}
    known = {PREFIX + field.upper() for field in Settings.model_fields}
    for variable, value in given.items():
        monkeypatch.setenv(variable, value)

    settings = load_settings()

    assert list(settings.accounts) == ["mystore"]
    assert settings.accounts["mystore"].erp_options["url"].endswith("/erp")
    assert settings.processes == 9
    assert {name for name in configured() if name not in known} == set()
    required = {"REDIS_PASSWORD", "PRODUCER_PASSWORD", "FLOWER_BASIC_AUTH"}
    assert {name for name in given if not name.startswith(PREFIX)} == required
    assert variables("example/redis.env")["REDIS_PASSWORD"] in str(settings.broker_url)


def secrets() -> list[Resource]:
    return list(kustomization("example")["secretGenerator"])


def test_what_is_read_from_a_secret_is_in_one_of_the_examples() -> None:
    read = {
        entry[reference]["name"]
        for resource in RUNNING
        for entry in container(resource).get("envFrom", ())
        for reference in entry
    }
    [redis] = [each for each in RUNNING if each["kind"] == "StatefulSet"]
    single = {
        (entry["valueFrom"]["secretKeyRef"]["name"], entry["valueFrom"]["secretKeyRef"]["key"])
        for entry in container(redis)["env"]
    }

    assert read | {name for name, _ in single} == {"orders-sync", *(g["name"] for g in secrets())}
    assert {key for _, key in single} == set(variables("example/redis.env"))


def test_flower_knows_no_key_of_an_account() -> None:
    references = str(container(DEPLOYMENTS["flower"])["envFrom"])

    assert "orders-sync-accounts" not in references
    assert "orders-sync-flower" in references
    assert "orders-sync-flower" not in str(container(DEPLOYMENTS["erp"])["envFrom"])


@everything_that_runs
def test_a_pod_may_do_no_more_than_it_must(resource: Resource) -> None:
    spec, process = pod(resource), container(resource)
    image_user = re.search(r"^USER (\d+):(\d+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert image_user is not None

    user = 999 if resource["kind"] == "StatefulSet" else int(image_user[1])
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": user,
        "runAsGroup": user,
        "fsGroup": user,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert process["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert spec["automountServiceAccountToken"] is False
    assert set(process["resources"]) == {"requests", "limits"}
    assert set(process["resources"]["limits"]) == {"cpu", "memory"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    assert "hostPort" not in str(process)


@everything_that_runs
def test_what_a_process_writes_it_has_a_volume_for(resource: Resource) -> None:
    mounts = {mount["name"]: mount["mountPath"] for mount in container(resource)["volumeMounts"]}
    claims = resource["spec"].get("volumeClaimTemplates", [])

    there = {
        volume["name"] for volume in [*pod(resource)["volumes"], *(c["metadata"] for c in claims)]
    }

    assert set(mounts) == there
    assert "/tmp" in mounts.values()  # noqa: S108 - a path in a container.
    if resource["kind"] != "StatefulSet":
        home = Path(configured()["ORDERS_SYNC_HOME"])
        assert str(home.parent) == mounts["home"], "a folder of its own, which others cannot open"


@every_worker
def test_a_worker_may_finish_its_longest_step(name: str) -> None:
    longest = VtexSettings().total_seconds * _CALLS_OF_A_STEP

    assert pod(DEPLOYMENTS[name])["terminationGracePeriodSeconds"] > longest


@pytest.mark.parametrize(
    ("age", "is_started", "is_deaf"),
    [
        pytest.param(30, True, False, id="it is heard of"),
        pytest.param(150, False, True, id="it is silent"),
        pytest.param(None, False, False, id="it starts, or finishes what it has"),
    ],
)
@every_worker
def test_a_worker_is_ready_while_it_consumes_and_ended_when_it_is_deaf(
    tmp_path: Path, name: str, age: float | None, is_started: bool, is_deaf: bool
) -> None:
    leave_pulse(pulse_file(run_folder(tmp_path), f"{name}@pod"), age)

    answers = {probe: answer(DEPLOYMENTS[name], probe, tmp_path) for probe in PROBES}

    assert answers == {
        "startupProbe": is_started,
        "readinessProbe": is_started,
        "livenessProbe": not is_deaf,
    }


@pytest.mark.parametrize(("age", "is_well"), [(30, True), (150, False), (None, False)])
def test_beat_is_well_while_the_broker_takes_its_messages(
    tmp_path: Path, age: float | None, is_well: bool
) -> None:
    leave_pulse(beat_pulse_file(tmp_path), age)

    answers = {answer(DEPLOYMENTS["beat"], probe, tmp_path) for probe in PROBES}

    assert answers == {is_well}


PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


def leave_pulse(file: Path, age: float | None) -> None:
    if age is not None:
        file.parent.mkdir(exist_ok=True)
        file.touch()
        os.utime(file, times=(time.time() - age,) * 2)


def answer(resource: Resource, probe: str, home: Path) -> bool:
    """Run a probe's command as the kubelet does, in a container with that home."""
    found = subprocess.run(
        container(resource)[probe]["exec"]["command"],
        env={"ORDERS_SYNC_HOME": str(home), "PATH": os.defpath},
        capture_output=True,
        check=False,
    )
    return found.returncode == 0


@every_worker
def test_a_worker_is_not_ended_before_it_could_have_found_back(name: str) -> None:
    process = container(DEPLOYMENTS[name])
    [minutes] = re.findall(r"-mmin \+(\d+)", str(process["livenessProbe"]))
    start = process["startupProbe"]

    assert int(minutes) * 60 >= Settings.model_fields["silence_seconds"].default
    assert start["periodSeconds"] * start["failureThreshold"] >= 120


def test_flower_is_asked_where_it_answers() -> None:
    process = container(DEPLOYMENTS["flower"])
    [port] = process["ports"]

    assert f"--port={port['containerPort']}" in process["args"]
    assert {str(process[probe]["httpGet"]) for probe in PROBES} == {
        str({"path": "/healthcheck", "port": port["name"]})
    }


@pytest.mark.parametrize("name", [*WORKERS, "beat"])
def test_prometheus_finds_the_port_that_is_served(name: str) -> None:
    annotations = DEPLOYMENTS[name]["spec"]["template"]["metadata"]["annotations"]

    assert annotations["prometheus.io/port"] == configured()["ORDERS_SYNC_METRICS_PORT"]
    assert configured()["ORDERS_SYNC_METRICS_ADDRESS"] == "0.0.0.0"  # noqa: S104 - in a pod.
    [port] = container(DEPLOYMENTS[name])["ports"]
    assert str(port["containerPort"]) == annotations["prometheus.io/port"]


@everything_that_runs
def test_a_selector_meets_its_own_pods_and_no_others(resource: Resource) -> None:
    if resource["kind"] == "Job":
        return
    wanted = resource["spec"]["selector"]["matchLabels"]

    met = [each for each in RUNNING if wanted.items() <= labels(each).items()]

    assert met == [resource]


def labels(resource: Resource) -> dict[str, Any]:
    return dict(resource["spec"]["template"]["metadata"]["labels"])


def kept(kind: str) -> dict[str, Any]:
    return {each["metadata"]["name"]: each["spec"] for each in ALL if each["kind"] == kind}


def test_a_drained_node_takes_one_of_a_sort_at_a_time_and_is_not_held_up() -> None:
    budgets = kept("PodDisruptionBudget")

    met = {
        name: sorted(
            n
            for n, d in DEPLOYMENTS.items()
            if budget["selector"]["matchLabels"].items() <= labels(d).items()
        )
        for name, budget in budgets.items()
    }

    assert met == {"workers": WORKERS, "gateway": ["gateway"]}
    assert {budget["maxUnavailable"] for budget in budgets.values()} == {1}


def test_every_pod_is_reached_by_those_alone_who_have_to() -> None:
    policies = kept("NetworkPolicy")

    for resource in RUNNING:
        closing = [
            policy
            for policy in policies.values()
            if policy["podSelector"]["matchLabels"].items() <= labels(resource).items()
        ]
        assert {kind for policy in closing for kind in policy["policyTypes"]} == {
            "Ingress",
            "Egress",
        }
    opened = {
        (name, port["port"])
        for name, policy in policies.items()
        for rule in policy["ingress"]
        for port in rule["ports"]
        if rule["from"]
    }
    assert opened == {("orders-sync", 9464), ("flower", 5555), ("gateway", 8080), ("redis", 6379)}


def test_redis_is_the_one_of_compose_with_the_producers_user() -> None:
    [redis] = [each for each in RUNNING if each["kind"] == "StatefulSet"]

    ours = [re.sub(r"\$\((\w+)\)", r"\1", word) for word in command(redis)]

    theirs = [re.sub(r"\$\{(\w+):\?[^}]*\}", r"\1", str(w)) for w in COMPOSE["redis"]["command"]]
    assert ours == ["REDISCLI_AUTH" if word == "REDIS_PASSWORD" else word for word in theirs]
    assert container(redis)["image"] == COMPOSE["redis"]["image"]


@everything_that_runs
def test_an_image_is_pinned(resource: Resource) -> None:
    image, _, tag = container(resource)["image"].partition(":")

    names = [each["name"] for each in kustomization("example")["images"]]

    assert tag == "local" if image in names else re.search(r"\d+\.\d+", tag)
