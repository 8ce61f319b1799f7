"""Reads docs/writing-an-erp-adapter.md and does what it says, in a folder of its own."""

from __future__ import annotations

import re
import textwrap
import tomllib
from pathlib import Path
from types import ModuleType

PAGE = (Path(__file__).parents[2] / "docs" / "writing-an-erp-adapter.md").read_text()
MODULE = "acme_adapter"


def blocks(section: str, language: str = "python") -> list[str]:
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    found = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    assert found, f"the page has no {language} under {section}"
    return found


def into_class(module: str, methods: str) -> str:
    """Put a block of methods into the module's last class, and its imports to the top."""
    imports = [line for line in methods.splitlines() if line.startswith(("from ", "import "))]
    body = "\n".join(line for line in methods.splitlines() if line not in imports)
    return "\n".join([*imports, module, textwrap.indent(body, "    ")]) + "\n"


def small_adapter() -> str:
    return blocks("Twenty-one lines that work")[0]


def whole_adapter() -> str:
    """The small adapter with every method that the page adds to it."""
    module = small_adapter()
    for section in (
        "When the ERP is asked: may it be cancelled?",
        "When an order changes",
        "What the ERP wants VTEX to know",
        "Many answers at once",
        "Is the ERP there?",
    ):
        module = into_class(module, blocks(section)[0])
    return module


def small_suite() -> str:
    return blocks("Testing it")[0]


def whole_suite() -> str:
    return into_class(small_suite(), blocks("Testing it")[1])


def http_adapter() -> ModuleType:
    """Run the page's block about the order and the one about HTTP, in one module as they stand."""
    module = ModuleType("acme_http")
    for section in ("Reading the order", "Over HTTP: options, errors, time-outs, connections"):
        exec(compile(blocks(section)[0], section, "exec"), vars(module))  # noqa: S102 - our page.
    return module


def install(folder: Path, source: str) -> None:
    """Install an adapter as pip does: its module, and the metadata that its pyproject asks for."""
    project = tomllib.loads(blocks("Twenty-one lines that work", "toml")[0])["project"]
    metadata = folder / f"{MODULE}-{project['version']}.dist-info"
    metadata.mkdir(parents=True)
    (folder / f"{MODULE}.py").write_text(source)
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    points = "\n".join(
        f"[{group}]\n" + "\n".join(f"{name} = {value}" for name, value in named.items())
        for group, named in project["entry-points"].items()
    )
    (metadata / "entry_points.txt").write_text(points + "\n")
