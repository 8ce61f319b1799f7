from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from orders_sync.cli.config import config
from orders_sync.settings_shown import find_source, without_passwords
from orders_sync.settings_variables import Variable

KEY = "ORDERS_SYNC_ACCOUNTS__MYSTORE__APP_KEY"
PATH = ("RETRY", "FEED", "ATTEMPTS")
OWN = Variable("ORDERS_SYNC_RETRY__FEED__ATTEMPTS", "9")
WHOLE = Variable("ORDERS_SYNC_RETRY", '{"feed": {"attempts": 9}}')
OTHER = Variable("ORDERS_SYNC_RETRY", '{"orders": {"attempts": 9}}')
IN_FILE = Variable("orders_sync_retry__feed__attempts", "9", 3)


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    account = "ORDERS_SYNC_ACCOUNTS__MYSTORE__"
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(f"# mine\n{KEY}=overruled\n\nORDERS_SYNC_POLL_SECONDS=3\n")
    for name, value in {
        KEY: "vtexappkey-topsecret",
        f"{account}APP_TOKEN": "topsecret",
        f"{account}ERP_OPTIONS": json.dumps(
            {
                "url": "postgresql://erp:topsecret@db/erp",
                "password": "topsecret",
                "old_secret": "topsecret",
                "secret_headers": {"Authorization": "Bearer topsecret"},
            }
        ),
        "ORDERS_SYNC_BROKER_URL": "redis://:topsecret@broker:6379/0",
        "ORDERS_SYNC_LEDGER_URL": "postgresql://me:topsecret@db/ledger",
    }.items():
        monkeypatch.setenv(name, value)


def objects() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(CliRunner().invoke(config, ["--json"]).output)
    return found


@pytest.mark.usefixtures("secrets")
@pytest.mark.parametrize("options", [[], ["--json"]], ids=["for people", "for programs"])
def test_no_secret_is_printed_and_everything_else_is(options: list[str]) -> None:
    result = CliRunner().invoke(config, options)

    assert result.exit_code == 0
    assert "topsecret" not in result.output
    assert "redis://:***@broker:6379/0" in result.output
    assert "postgresql://erp:***@db/erp" in result.output


@pytest.mark.usefixtures("secrets")
def test_each_setting_says_where_it_comes_from() -> None:
    found = objects()

    assert found["ORDERS_SYNC_RETRY__INVOICE__ATTEMPTS"] == {
        "value": 20,
        "source": "default",
        "variable": None,
        "line": None,
        "file": None,
    }
    assert (found[KEY]["source"], found[KEY]["variable"]) == ("environment", KEY)
    assert (
        found["ORDERS_SYNC_POLL_SECONDS"]["value"],
        found["ORDERS_SYNC_POLL_SECONDS"]["line"],
    ) == (
        3.0,
        4,
    )


@pytest.mark.usefixtures("secrets")
def test_a_person_reads_the_source_beside_the_value() -> None:
    lines = CliRunner().invoke(config).output.splitlines()

    assert f"{KEY}=***  # environment variable {KEY}" in lines
    assert "ORDERS_SYNC_POLL_SECONDS=3.0  # .env line 4" in lines
    assert "ORDERS_SYNC_SWEEP_SECONDS=5.0  # default" in lines


@pytest.mark.usefixtures("secrets")
def test_what_follows_from_other_settings_is_shown_as_it_is_in_force() -> None:
    found = objects()

    assert (
        found["ORDERS_SYNC_ACCOUNTS__MYSTORE__BASE_URL"]["value"]
        == "https://mystore.vtexcommercestable.com.br"
    )


@pytest.mark.parametrize(
    ("found", "source"),
    [
        pytest.param([], None, id="nothing is set"),
        pytest.param([OWN], OWN, id="its own variable"),
        pytest.param([WHOLE], WHOLE, id="JSON that holds it"),
        pytest.param([OTHER], None, id="JSON that holds others"),
        pytest.param([Variable("ORDERS_SYNC_RETRY", "{")], None, id="JSON that is none"),
        pytest.param([WHOLE, OWN], OWN, id="its own before JSON"),
        pytest.param([WHOLE, IN_FILE], WHOLE, id="the environment before the file"),
        pytest.param([OTHER, IN_FILE], IN_FILE, id="the file where the environment is silent"),
    ],
)
def test_a_setting_is_traced_to_its_variable(
    found: list[Variable], source: Variable | None
) -> None:
    assert find_source(PATH, found) == source


def test_options_of_an_adapter_are_traced_to_their_own_variables() -> None:
    option = Variable("ORDERS_SYNC_ACCOUNTS__MYSTORE__ERP_OPTIONS__URL", "sqlite://")

    assert find_source(("ACCOUNTS", "MYSTORE", "ERP_OPTIONS"), [option]) == option


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        pytest.param("redis://:pw@host/0", "redis://:***@host/0", id="a password alone"),
        pytest.param("postgresql://me:p@w@db/x", "postgresql://me:***@db/x", id="with an at sign"),
        pytest.param(
            "postgresql://db/x?password=pw&a=1",
            "postgresql://db/x?password=***&a=1",
            id="in the query",
        ),
        pytest.param("http://127.0.0.1:80", "http://127.0.0.1:80", id="none"),
    ],
)
def test_passwords_are_hidden_in_a_url(url: str, shown: str) -> None:
    assert without_passwords(url) == shown


@pytest.mark.usefixtures("secrets")
def test_what_is_set_is_shown_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "redis").write_text("redis://:topsecret@shared:6379/1\n")
    monkeypatch.setenv("ORDERS_SYNC_REDIS_URL_FILE", str(tmp_path / "redis"))
    monkeypatch.setenv("ORDERS_SYNC_PROCESSES", "4")

    result = CliRunner().invoke(config, ["--set"])

    assert [line.partition("=")[0] for line in result.output.splitlines()] == [
        KEY,
        "ORDERS_SYNC_ACCOUNTS__MYSTORE__APP_TOKEN",
        "ORDERS_SYNC_ACCOUNTS__MYSTORE__ERP_OPTIONS",
        "ORDERS_SYNC_BROKER_URL",
        "ORDERS_SYNC_REDIS_URL",
        "ORDERS_SYNC_LEDGER_URL",
        "ORDERS_SYNC_POLL_SECONDS",
    ]
    assert f"redis://:***@shared:6379/1  # file {tmp_path / 'redis'}" in result.output


def test_that_nothing_is_set_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)

    assert CliRunner().invoke(config, ["--set"]).output.startswith("Nothing is set")
