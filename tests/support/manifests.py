"""The resources of deploy/kubernetes, read without a cluster and without kustomize."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[2] / "deploy" / "kubernetes"

Resource = dict[str, Any]


def resources(folder: str) -> list[Resource]:
    """Return what the kustomization of a folder lists, lists taken apart."""
    names = kustomization(folder)["resources"]
    return [each for name in names for each in _read(FOLDER / folder / name)]


def kustomization(folder: str) -> Resource:
    found: Resource = yaml.safe_load((FOLDER / folder / "kustomization.yaml").read_text())
    return found


def deployments() -> dict[str, Resource]:
    return {
        each["metadata"]["name"]: each for each in resources("base") if each["kind"] == "Deployment"
    }


def pod(resource: Resource) -> Resource:
    found: Resource = resource["spec"]["template"]["spec"]
    return found


def container(resource: Resource) -> Resource:
    [found] = pod(resource)["containers"]
    return dict(found)


def command(resource: Resource) -> list[str]:
    """Return the words that a container starts with, those of the image where it has none."""
    process = container(resource)
    return [*process.get("command", ["orders-sync"]), *process["args"]]


def variables(file: str) -> dict[str, str]:
    """Return the lines of a file that becomes a Secret, as kustomize reads them."""
    lines = (FOLDER / file).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def configured() -> dict[str, str]:
    """Return what the base's ConfigMap sets."""
    [generator] = kustomization("base")["configMapGenerator"]
    return dict(literal.split("=", 1) for literal in generator["literals"])


def _read(path: Path) -> Iterator[Resource]:
    for document in yaml.safe_load_all(path.read_text()):
        yield from document["items"] if document["kind"] == "List" else (document,)
