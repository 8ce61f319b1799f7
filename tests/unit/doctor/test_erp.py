"""What doctor says of commands that the ERP wrote for an account that nobody serves."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from orders_sync.doctor.erp import examine_erp
from orders_sync.doctor.findings import Finding, State
from orders_sync.erp.staging import StagingErp
from orders_sync.settings import Settings
from orders_sync.settings_parts import AccountSettings

KEYS = {"app_key": "key", "app_token": "token"}


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
    text: str | None, state: State, says: str, tmp_path: Path
) -> None:
    path = tmp_path / "mapping.yml"
    if text is not None:
        path.write_text(text)
    account = AccountSettings(app_key="key", app_token="token", erp="console", erp_mapping=path)

    settings = Settings(accounts={"store": account}, home=tmp_path, _env_file=None)
    [finding] = examine_erp("store", settings)

    assert finding.state is state
    assert says in finding.says
    assert str(path) in finding.says
