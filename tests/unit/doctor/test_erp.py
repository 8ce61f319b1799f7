"""What doctor says of commands that the ERP wrote for an account that nobody serves."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from orders_sync.doctor.erp import examine_erp
from orders_sync.doctor.findings import Finding, State
from orders_sync.erp.console import ConsoleErp
from orders_sync.erp.staging import StagingErp
from orders_sync.erp.tryton.adapter import TrytonErp
from orders_sync.erp.webhook import WebhookErp
from orders_sync.settings import Settings
from orders_sync.settings_parts import AccountSettings
from orders_sync.testing.offering import offer

KEYS = {"app_key": "key", "app_token": "token"}


class MappingErp(StagingErp):
    """An adapter that asks its mapping."""

    asks_mapping = True


def examine(home: Path, account: str, *accounts: str) -> list[Finding]:
    configured = {name: AccountSettings.model_validate(KEYS) for name in accounts}
    return list(examine_erp(account, Settings(accounts=configured, home=home, _env_file=None)))


def test_commands_for_an_account_that_is_not_configured_are_named_once(tmp_path: Path) -> None:
    with closing(StagingErp("store", {}, tmp_path)) as erp:
        erp.pull(None)
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'erp.sqlite3'}")
    insert = (
        "INSERT INTO erp_commands (account, order_id, kind, state) VALUES (:a, '1', 'note', :s)"
    )
    with engine.begin() as connection:
        for account, state in [("stroe", "new"), ("stroe", "new"), ("old", "done"), ("b", "new")]:
            connection.execute(sa.text(insert), {"a": account, "s": state})
    engine.dispose()

    first = examine(tmp_path, "b", "b", "store")
    second = examine(tmp_path, "store", "b", "store")

    [_, warning] = first
    assert warning.state is State.WARNING
    assert warning.says.startswith("2 commands wait for the account 'stroe'")
    assert [finding.state for finding in second] == [State.OK]


@pytest.mark.parametrize(
    ("text", "state", "says"),
    [
        ("carriers: {PAC: 1, SEDEX: 2}", State.OK, "2 rows of "),
        ("\ncarrier: {PAC: 1}", State.UNCONFIGURED, "line 2: there is no table"),
        (None, State.UNCONFIGURED, "cannot be read: No such file"),
    ],
)
def test_a_mapping_file_is_looked_at(
    text: str | None, state: State, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(tmp_path, "mapping-erp", mapping=f"{__name__}:MappingErp")
    monkeypatch.syspath_prepend(str(tmp_path))
    path = tmp_path / "mapping.yml"
    if text is not None:
        path.write_text(text)

    [finding] = examine_mapping(tmp_path, path, "mapping")

    assert finding.state is state
    assert says in finding.says
    assert str(path) in finding.says


@pytest.mark.parametrize("erp", ["console", "staging"])
def test_a_mapping_file_that_the_adapter_never_asks_is_told(erp: str, tmp_path: Path) -> None:
    path = tmp_path / "mapping.yml"
    path.write_text("carriers: {PAC: 1}")

    reached, warning = examine_mapping(tmp_path, path, erp)

    assert reached.state is State.OK
    assert str(path) not in reached.says
    assert warning.state is State.WARNING
    assert warning.says == f"the adapter {erp} never asks {path}, which so has no effect"


def test_no_shipped_adapter_asks_the_mapping_file() -> None:
    assert not any(
        adapter.asks_mapping for adapter in (ConsoleErp, StagingErp, TrytonErp, WebhookErp)
    )


def examine_mapping(home: Path, path: Path, erp: str) -> list[Finding]:
    account = AccountSettings(app_key="key", app_token="token", erp=erp, erp_mapping=path)
    settings = Settings(accounts={"store": account}, home=home, _env_file=None)
    return list(examine_erp("store", settings))
