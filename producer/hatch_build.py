"""Puts `orders_sync.producer` into the wheel, and those modules of orders_sync that it imports."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = "orders_sync"


def modules_of(name: str, source: Path) -> set[Path]:
    """Return the files that importing a module of the package runs; `source` holds the package."""
    files: set[Path] = set()
    names = [name]
    while names:
        parts = names.pop().split(".")
        packages = [source.joinpath(*parts[:end], "__init__.py") for end in range(1, len(parts))]
        module = source.joinpath(*parts).with_suffix(".py")
        last = module if module.is_file() else source.joinpath(*parts, "__init__.py")
        for file in {*packages, last} - files:
            files.add(file)
            names += _imports(file, source)
    return files


def _imports(file: Path, source: Path) -> list[str]:
    """List the modules of the package that a file imports; none is imported relatively."""
    names: list[str] = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
            names += [
                f"{node.module}.{alias.name}"
                for alias in node.names
                if _is_module(f"{node.module}.{alias.name}", source)
            ]
    return [name for name in names if name.split(".")[0] == PACKAGE]


def _is_module(name: str, source: Path) -> bool:
    path = source.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


class ProducerHook(BuildHookInterface):  # type: ignore[type-arg,misc]
    """Adds the files to a wheel that is built in a checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Name each file and where it lies in the wheel."""
        source = Path(self.root).parent
        files = {*modules_of(f"{PACKAGE}.producer", source), source / PACKAGE / "py.typed"}
        build_data["force_include"] |= {
            str(file): file.relative_to(source).as_posix() for file in files
        }
