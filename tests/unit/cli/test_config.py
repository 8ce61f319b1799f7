from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from orders_sync.cli.config import config


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    account = "ORDERS_SYNC_ACCOUNTS__MYSTORE__"
    monkeypatch.chdir(tmp_path)
    for name, value in {
        f"{account}APP_KEY": "vtexappkey-topsecret",
        f"{account}APP_TOKEN": "topsecret",
        f"{account}ERP_OPTIONS": json.dumps(
            {"url": "postgresql://erp:topsecret@db/erp", "password": "topsecret"}
        ),
        "ORDERS_SYNC_BROKER_URL": "redis://:topsecret@broker:6379/0",
        "ORDERS_SYNC_LEDGER_URL": "postgresql://me:topsecret@db/ledger",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("secrets")
@pytest.mark.parametrize("options", [[], ["--json"]], ids=["for people", "for programs"])
def test_no_secret_is_printed_and_everything_else_is(options: list[str]) -> None:
    result = CliRunner().invoke(config, options)

    assert result.exit_code == 0
    assert "topsecret" not in result.output
    assert "redis://:***@broker:6379/0" in result.output
    assert "postgresql://erp:***@db/erp" in result.output


@pytest.mark.usefixtures("secrets")
def test_the_settings_are_one_json_object() -> None:
    result = CliRunner().invoke(config, ["--json"])

    assert json.loads(result.output)["retry"]["invoice"]["attempts"] == 20
