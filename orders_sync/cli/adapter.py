"""`orders-sync adapter`: a package for an ERP of one's own, to begin with."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Final

import click
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from orders_sync import __version__
from orders_sync.cli.output import as_json, echo, print_json
from orders_sync.domain.words import count_of
from orders_sync.erp.registry import installed

#: A name becomes part of those of a distribution, a module and a class.
_NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_LONGEST_NAME: Final = 30
#: orders-sync-producer is a distribution of the project's.
_TAKEN: Final = ("producer",)
_TEMPLATES: Final = "adapter_template"
_SUFFIX: Final = ".jinja"

#: Where a template's file goes whose own path no wheel or repository of ours should have.
_PLACES: Final = {
    "ci/run": ".ci/run",
    "ci/workflow.yml": ".github/workflows/ci.yml",
    "gitignore": ".gitignore",
}


@click.group()
def adapter() -> None:
    """Begin an ERP adapter of your own."""


@adapter.command("new")
@click.argument("name")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where it goes: a folder that is not there, or empty; ./orders-sync-NAME if left out.",
)
@as_json
def new_adapter(*, name: str, folder: Path | None, as_json: bool) -> None:
    """Write a package for the ERP of that name, which works and whose tests pass.

    Its ERP is a SQLite file behind one module, client.py, to be replaced by yours.

    --json: {name, folder, files}.
    """
    _require_free(name)
    folder = folder or Path(f"orders-sync-{name}")
    if folder.is_dir() and any(folder.iterdir()):
        raise click.ClickException(
            f"{folder} is not empty, and nothing was written. Name another: --folder DIR"
        )
    files = _render(name)
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        target.chmod(0o755 if text.startswith("#!") else 0o644)
    if as_json:
        print_json({"name": name, "folder": str(folder), "files": sorted(files)})
        return
    echo(f"{folder} has an adapter {name} of {count_of(len(files), 'file')}. Next:")
    echo(f"  cd {shlex.quote(str(folder))} && pip install -e '.[test]' && pytest")
    echo("Then read its README.md, and put your ERP into client.py.")


def _require_free(name: str) -> None:
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise click.UsageError(
            f"{name!r} cannot be an adapter's name: take small letters, digits and single hyphens, "
            f"a letter first, {_LONGEST_NAME} at most, such as acme or acme-cloud."
        )
    if name in _TAKEN or name in installed():
        raise click.ClickException(f"There is an adapter or a package {name}. Take another name.")


def _render(name: str) -> dict[str, str]:
    """Return the texts of the package's files by their paths."""
    environment = Environment(
        loader=PackageLoader("orders_sync.cli", _TEMPLATES),
        autoescape=select_autoescape(),
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    words = name.split("-")
    package = "_".join(("orders_sync", *words))
    facts = {
        "name": name,
        "package": package,
        "class_name": "".join(word.capitalize() for word in words) + "Erp",
        "version": __version__,
    }
    files = {}
    for template in environment.list_templates(extensions=[_SUFFIX.lstrip(".")]):
        path = template.removesuffix(_SUFFIX)
        path = _PLACES.get(path, path.replace("package/", f"{package}/"))
        files[path] = environment.get_template(template).render(facts)
    return files
