"""Makes the documentation site's generated pages: the overview and the references.

A hook of MkDocs: https://www.mkdocs.org/user-guide/configuration/#hooks
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, get_args, get_origin

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from orders_sync.cli import main
from orders_sync.commands import KINDS
from orders_sync.domain.steps import Queue
from orders_sync.gateway.app import create_app
from orders_sync.ledger import Ledger
from orders_sync.roster import Roster
from orders_sync.settings import Settings
from orders_sync.settings_parts import AccountSettings, RetrySettings
from orders_sync.settings_variables import PREFIX

ROOT: Final = Path(__file__).parents[1]
_LINK: Final = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#)([^)#]*)(#[^)]*)?\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """List the decisions, in their order."""
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    explanation = next(part["Explanation"] for part in config.nav or [] if "Explanation" in part)
    explanation.append({"Decisions": [f"decisions/{page.name}" for page in pages]})
    return config


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    overview = (ROOT / "README.md").read_text().replace("](docs/", "](")
    generated = {
        "index.md": overview.replace("](decisions)", "](decisions/0001-the-ledger-remembers.md)"),
        "reference/settings.md": "\n".join(_settings()),
        "reference/commands.md": "\n".join(_command_line(main, "orders-sync")),
        "reference/http.md": "\n".join(_http()),
        "reference/tasks.md": "\n".join(_tasks()),
    }
    for path, text in generated.items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, *, page: Page, **_: Any) -> str:
    """Return a page whose links to files of the repository, which the site lacks, are names."""
    folder = (ROOT / "docs" / page.file.src_uri).parent
    docs = ROOT / "docs"

    def shown(link: re.Match[str]) -> str:
        is_here = (folder / link[3]).resolve().is_relative_to(docs) and "." in Path(link[3]).name
        is_generated = page.file.src_uri == "index.md" and not (docs / link[3]).exists()
        return link[2] if is_generated or not is_here else link[0]

    return _LINK.sub(shown, markdown)


def _settings() -> Iterator[str]:
    yield "# Settings\n"
    yield (
        "Every setting, as an environment variable or a line of `.env`; with `_FILE` at its end it"
        " names a file that holds the value. `orders-sync config` prints what is in force."
    )
    yield from _block("An account", AccountSettings, f"{PREFIX}ACCOUNTS__MYSTORE__")
    yield from _block("All of it", Settings, PREFIX)
    for name, field in Settings.model_fields.items():
        if _is_block(field.annotation):
            yield from _block(name, field.annotation, f"{PREFIX}{name.upper()}__")


def _is_block(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _block(title: str, model: Any, prefix: str) -> Iterator[str]:
    yield f"\n## {title}\n"
    yield " ".join((model.__doc__ or "").split("`load_settings`")[0].split()) + "\n"
    yield "| Variable | Takes | Default |\n|---|---|---|"
    for name, field in model.model_fields.items():
        if name != "accounts" and not (model is Settings and _is_block(field.annotation)):
            yield from _setting(f"{prefix}{name.upper()}", field)


def _setting(variable: str, field: FieldInfo) -> Iterator[str]:
    default = field.get_default(call_default_factory=True)
    if isinstance(default, BaseModel):
        for name, part in type(default).model_fields.items():
            value = getattr(default, name)
            yield f"| `{variable}__{name.upper()}` | {_taken(part.annotation)} | `{value}` |"
        return
    is_needed = field.is_required()
    shown = "**needed**" if is_needed else "" if default in (None, (), {}) else f"`{default}`"
    yield f"| `{variable}` | {_taken(field.annotation)} | {shown} |"


def _taken(annotation: Any) -> str:
    """Return in words what a setting takes."""
    names = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
    names |= {Path: "a path", SecretStr: "a secret"}
    if annotation in names:
        return names[annotation]
    inner = [part for part in get_args(annotation) if part is not type(None)]
    if get_origin(annotation) in (dict, tuple):
        return "JSON"
    if inner and all(isinstance(part, str) for part in inner):
        return ", ".join(f"`{part}`" for part in inner)
    return _taken(inner[0]) if inner else "text"


def _command_line(command: click.Command, path: str) -> Iterator[str]:
    context = click.Context(command, info_name=path)
    if path == "orders-sync":
        yield "# Commands\n"
        yield "Exit status: 0 done, 1 refused or failed, 2 usage, 3 configuration.\n"
    else:
        yield f"\n{'#' * min(path.count(' ') + 1, 4)} {path}\n"
        yield f"```text\n{command.get_help(context)}\n```"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None:
                yield from _command_line(below, f"{path} {name}")


def _http() -> Iterator[str]:
    ledger = Ledger("sqlite:///unused.sqlite3", lease=Settings().lease, connections=2)
    app = create_app(
        Roster(Settings(), ledger.kept_accounts),
        ledger,
        clock=lambda: datetime.now(UTC),
        dispatch=lambda _: None,
        put_back=lambda *_: None,
    )
    described = json.loads(asyncio.run(_body_of(app, "/api/openapi.json")))
    yield "# HTTP API\n"
    yield "How to use it is in [the HTTP API](../http-api.md); this is all of it.\n"
    yield "| Call | What it does |\n|---|---|"
    for path, calls in described["paths"].items():
        for method, call in calls.items():
            yield f"| `{method.upper()} {path}` | {call.get('summary', '')} |"


async def _body_of(app: Any, path: str) -> bytes:
    """Ask an ASGI app for a path; return its answer's body."""
    parts: list[bytes] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        parts.append(message.get("body", b""))

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 1),
        "server": ("localhost", 80),
    }
    await app(scope, receive, send)
    return b"".join(parts)


def _tasks() -> Iterator[str]:
    policies = RetrySettings()
    yield "# Tasks and queues\n"
    yield "## Tasks for other services\n"
    yield "| Task | What it does |\n|---|---|"
    for kind in KINDS:
        yield f"| `orders_sync.{kind.name}` | {kind.summary} |"
    yield "\n## Queues and their retries\n"
    yield "| Queue | First wait, s | Factor | At most, s | Tries | Deadline, h |"
    yield "|---|---|---|---|---|---|"
    for queue in Queue:
        policy = getattr(policies, queue)
        yield (
            f"| `{queue}` | {policy.first_seconds:g} | {policy.factor:g} | {policy.cap_seconds:g} "
            f"| {policy.attempts} | {policy.deadline_seconds / 3600:g} |"
        )
