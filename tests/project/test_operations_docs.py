"""What docs/operations.md tells people to type and to set is there, and every alert has its page.

Nothing is run: command lines are read as their programs would read them.
"""

from __future__ import annotations

import re
import shlex
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from pydantic import BaseModel
from support.command_lines import understood

from orders_sync.broker.consumer import _LEAVING_SECONDS
from orders_sync.doctor.account import LIST_ORDERS, OTHERS, READ_FEED
from orders_sync.doctor.findings import Finding, State
from orders_sync.embedded.supervisor import STOP_SECONDS
from orders_sync.metrics.server import PORTS_TRIED
from orders_sync.settings import Settings
from orders_sync.settings_parts import AccountSettings
from orders_sync.settings_variables import ALERT_PREFIX
from orders_sync.status.alerts import Alert
from orders_sync.upkeep.discrepancies import STUCK_CAUSE, UNMENDED_CAUSES
from orders_sync.worker.flower import _MAX_TASKS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text()
ALERTS: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((ROOT / "monitoring" / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
    if "alert" in rule
]

PROGRAMS = {"orders-sync", "celery"}
RUNNERS = {"sudo", "docker"}

_ASSIGNMENT = re.compile(r"[A-Z_0-9]+=")
_SHELL_SYNTAX = {">", "|", "||", "&&"}


def shell_lines() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def spans() -> list[str]:
    return re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL))


def our_command(text: str) -> str | None:
    """Give the command of ours in a line, without what stands around it; None where it has none."""
    words = [] if "$(" in text else shlex.split(text, comments=True)
    while words and _ASSIGNMENT.match(words[0]):
        words.pop(0)
    if words and words[0] == "kubectl":
        words = words[words.index("--") + 1 :] if "--" in words else []
    elif words and words[0] in RUNNERS:
        starts = [
            index
            for index, word in enumerate(words)
            if Path(word).name in PROGRAMS and words[index - 1] != "-u"
        ]
        words = words[starts[0] :] if starts else []
    if len(words) < 2 or Path(words[0]).name not in PROGRAMS:
        return None
    ends = [index for index, word in enumerate(words) if word in _SHELL_SYNTAX]
    return shlex.join([Path(words[0]).name, *words[1 : min(ends, default=len(words))]])


def commands(texts: list[str]) -> list[str]:
    return sorted({command for text in texts if (command := our_command(text))})


def settings_names(model: type[BaseModel], prefix: str = "ORDERS_SYNC_") -> set[str]:
    names = set()
    for name, field in model.model_fields.items():
        path = f"{prefix}{name.upper()}"
        names.add(path)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            names |= settings_names(field.annotation, f"{path}__")
    return names


def known_settings() -> set[str]:
    of_accounts = {name.upper() for name in AccountSettings.model_fields}
    return settings_names(Settings) | {f"ORDERS_SYNC_ACCOUNTS__MYSTORE__{n}" for n in of_accounts}


@pytest.mark.parametrize("command", commands(shell_lines()))
def test_a_command_that_is_to_be_typed_is_one_that_its_program_understands(command: str) -> None:
    context = understood(shlex.split(command))

    assert context.params is not None


@pytest.mark.parametrize("command", commands(spans()))
def test_a_command_in_a_sentence_exists_with_its_options(command: str) -> None:
    with suppress(click.MissingParameter):  # A sentence may name a command without its order.
        assert understood(shlex.split(command)).params is not None


def test_commands_are_found_wherever_they_stand() -> None:
    assert our_command("sudo -u orders-sync /opt/bin/orders-sync db upgrade") == (
        "orders-sync db upgrade"
    )
    assert our_command("A_KEY=x B=... orders-sync doctor > /dev/null || echo no") == (
        "orders-sync doctor"
    )
    assert our_command("docker compose exec beat orders-sync doctor") == "orders-sync doctor"
    assert our_command("kubectl -n orders-sync exec deployment/beat -- orders-sync doctor") == (
        "orders-sync doctor"
    )
    assert our_command("useradd --system orders-sync") is None
    assert len(commands(shell_lines())) > 20
    assert len(commands(spans())) > 15


def test_every_setting_exists() -> None:
    named = set(re.findall(r"\bORDERS_SYNC_[A-Z_0-9]*[A-Z0-9]", PAGE))

    # Any setting may be given as the name of a file.
    settings = known_settings()
    named = {name if name in settings else name.removesuffix("_FILE") for name in named}

    assert len(named) > 15
    told = Alert(Finding("shop", "orders", State.OK, "well"), datetime.now(UTC)).facts()
    assert named - settings == {f"{ALERT_PREFIX}{name.upper()}" for name in told}


def test_every_file_of_the_repository_that_is_named_is_there() -> None:
    links = re.findall(r"\]\(((?!https?:)[^)#]+)", PAGE)
    in_sentences = [each for each in spans() if re.match(r"(?:deploy|monitoring|docs)/", each)]
    in_lines = [
        word
        for line in shell_lines()
        for word in line.split()
        if re.match(r"(?:deploy|monitoring)/", word)
    ]

    named = [ROOT / "docs" / link for link in links]
    named += [ROOT / path for path in (*in_sentences, *in_lines) if "*" not in path]

    assert [str(path) for path in named if not path.exists()] == []


def test_every_link_within_the_page_leads_to_a_heading() -> None:
    headings = re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}

    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= anchors


def test_there_is_a_page_for_each_alert_and_for_no_other() -> None:
    headings = re.findall(r"^### Alert: (.+)$", PAGE, re.MULTILINE)

    linked = [alert["annotations"]["runbook"].partition("#alert-")[2] for alert in ALERTS]
    assert [heading.replace(" ", "-") for heading in headings] == linked


def test_each_page_of_an_alert_says_what_it_means_where_to_look_and_what_to_do() -> None:
    alerts = PAGE.partition("\n## Daily questions")[0]
    pages = re.split(r"^### Alert: .+$", alerts, flags=re.MULTILINE)

    for page in pages[1:]:
        parts = re.findall(r"^\*\*(Means|Look|Do):\*\*", page, re.MULTILINE)
        assert parts == ["Means", "Look", "Do"], page


def test_every_panel_that_a_page_sends_people_to_is_there() -> None:
    dashboard = (ROOT / "monitoring" / "dashboard.json").read_text()

    for panel in ("Calls a second, by outcome", "Calls a second, by endpoint", "Budget"):
        assert f'"title": "{panel}"' in dashboard


@pytest.mark.parametrize("permission", [READ_FEED, LIST_ORDERS, *OTHERS], ids=lambda p: p.check)
def test_each_permission_that_the_doctor_examines_is_in_the_table(permission: Any) -> None:
    arrow = "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"
    resource = permission.resource.partition(" (")[0].replace(">", arrow)

    assert f"| {resource} |" in PAGE


def test_the_figures_are_those_of_the_code() -> None:
    settings = Settings(_env_file=None)
    account = AccountSettings(app_key="key", app_token="token")

    for figure in (
        f"calls ({account.requests_per_minute}, nine tenths",
        f"`ORDERS_SYNC_MAX_IN_FLIGHT` ({settings.max_in_flight} an account)",
        f"visibility time** ({settings.feed.visibility_seconds} seconds)",
        f"(the last {_MAX_TASKS} tasks, or `FLOWER_MAX_TASKS`)",
        f"has {_LEAVING_SECONDS:g} seconds to leave",
        f"on the first free port from 9464, of {PORTS_TRIED};",
        f"on SIGTERM within {STOP_SECONDS:g} seconds",
    ):
        assert figure in PAGE, figure
    assert settings.feed.retention_seconds == 4 * 86_400, "the page says: four days at least"


def test_every_cause_and_log_event_that_is_named_is_one_of_the_code() -> None:
    named = {span for span in spans() if re.fullmatch(r"[a-z_]+\.[a-z_]+", span)}
    code = "\n".join(path.read_text() for path in (ROOT / "orders_sync").rglob("*.py"))

    assert len(named) > 20
    assert [each for each in named - {"redis.conf"} if f'"{each}"' not in code] == []


def test_what_reconciling_parks_is_named() -> None:
    causes = {STUCK_CAUSE, *UNMENDED_CAUSES.values()}

    assert [cause for cause in causes if f"`{cause}`" not in PAGE] == []
