"""The accounts in force: who follows what, when, and what it does to nobody else."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.ledger_files import make_ledger

from orders_sync.encryption import Cipher, new_key
from orders_sync.errors import LedgerUnavailable
from orders_sync.ledger import Ledger
from orders_sync.ledger.account_settings import KeptAccount
from orders_sync.ledger.journal import Act
from orders_sync.roster import (
    REFRESH_SECONDS,
    AccountUnusable,
    Roster,
    WrongAccount,
    read_account,
    seal_account,
    settings_in_force,
)
from orders_sync.settings import Settings
from orders_sync.settings_parts import AccountSettings

ACT = Act(datetime(2026, 11, 27, 12, tzinfo=UTC), "ana")
OWN = AccountSettings.model_validate({"app_key": "own", "app_token": "token"})
GIVEN = {"app_key": "vtexappkey-x", "app_token": "topsecret", "erp_options": {"url": "topsecret"}}


class Office:
    """A ledger with its accounts, and a roster whose time moves when it is told to."""

    def __init__(self, home: Path, **changes: Any) -> None:
        given = {"accounts": {"own": OWN}, "home": home, "secrets_key": new_key(), **changes}
        self.settings = Settings.model_validate(given)
        make_ledger(self.settings.ledger)
        self.ledger = Ledger(self.settings.ledger, lease=self.settings.lease)
        self.now = 100.0
        self.followed: list[list[str]] = []
        self.roster = Roster(
            self.settings,
            self.ledger.kept_accounts,
            follow=lambda settings: self.followed.append(sorted(settings.accounts)),
            clock=lambda: self.now,
        )

    def add(self, name: str, **values: Any) -> None:
        kept, before = self.ledger.kept_accounts, self.ledger.kept_accounts.find(name)
        sealed = seal_account(
            name,
            {**GIVEN, **values},
            Cipher(self.settings.secrets_key),
            revision=before.revision if before else 0,
        )
        assert kept.keep(sealed, ACT, "add")

    def later(self) -> dict[str, AccountSettings]:
        self.now += REFRESH_SECONDS
        return self.roster.settings.accounts

    @property
    def names(self) -> list[str]:
        return sorted(self.roster.settings.accounts)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office(tmp_path)
    yield office
    office.ledger.close()


def test_what_is_added_is_in_force_a_few_seconds_later_without_a_restart(office: Office) -> None:
    assert office.names == ["own"]
    office.add("new", requests_per_minute=60, feed={"statuses": ["handling"]})
    assert office.names == ["own"]

    accounts = office.later()

    assert accounts["new"].app_token.get_secret_value() == "topsecret"
    assert accounts["new"].erp_options == {"url": "topsecret"}
    assert accounts["new"].requests_per_minute == 60
    assert office.roster.settings.feed_of("new").statuses == ("handling",)
    assert accounts["own"] is office.settings.accounts["own"]
    assert office.followed[-1] == ["new", "own"]


def test_an_account_that_nobody_knows_is_looked_for_at_once(office: Office) -> None:
    assert office.names == ["own"]
    office.add("new")

    assert office.roster.find("new") is not None
    assert office.roster.find("newer") is None


def test_what_did_not_change_stays_the_same_object(office: Office) -> None:
    office.add("a")
    office.add("b")
    before = dict(office.later())
    office.add("b", requests_per_minute=1)

    accounts = office.later()

    assert accounts["a"] is before["a"]
    assert accounts["b"] is not before["b"]
    looks = len(office.followed)
    assert office.later() is accounts
    assert len(office.followed) == looks


def test_encrypting_anew_changes_no_account(office: Office) -> None:
    office.add("a")
    before = office.later()["a"]
    office.ledger.kept_accounts.renew(Cipher(office.settings.secrets_key).renew, ACT)

    assert office.later()["a"] is before


def test_the_settings_win_over_the_ledger_but_for_being_disabled(office: Office) -> None:
    office.add("own", requests_per_minute=1)
    office.ledger.kept_accounts.disable("own", ACT)

    account = office.later()["own"]

    assert account.app_key.get_secret_value() == "own"
    assert not account.enabled
    assert office.roster.settings.enabled_accounts == []
    office.ledger.kept_accounts.enable("own", ACT)
    assert office.later()["own"] is office.settings.accounts["own"]


def test_a_removed_account_is_gone(office: Office) -> None:
    office.add("new")
    assert "new" in office.later()
    office.ledger.kept_accounts.remove("new", ACT)

    assert "new" not in office.later()
    assert office.roster.find("new") is None


def test_while_the_ledger_is_away_the_last_accounts_stay_and_nobody_is_unknown(
    office: Office,
) -> None:
    office.add("new")
    before = office.later()
    office.ledger.database.closed_because = "it is away"

    assert office.later() is before
    with pytest.raises(LedgerUnavailable):
        office.roster.find("newer")

    office.ledger.database.closed_because = None
    office.add("newer")
    assert "newer" in office.later()


def test_a_ledger_that_is_an_earlier_ones_copy_is_read_anew(office: Office, tmp_path: Path) -> None:
    office.add("a")
    office.later()
    earlier = Office(tmp_path / "earlier", secrets_key=office.settings.secrets_key)
    office.roster._kept = earlier.ledger.kept_accounts

    assert sorted(office.later()) == ["own"]
    earlier.add("b")
    assert sorted(office.later()) == ["b", "own"]
    earlier.ledger.close()


def test_another_key_makes_one_account_unusable_and_no_other(office: Office) -> None:
    office.add("new")
    office.add("elsewhere", app_key="env:HOME", app_token="env:HOME", erp_options={"retries": 3})
    other = office.settings.model_copy(update={"secrets_key": None})
    roster = Roster(other, office.ledger.kept_accounts)

    with pytest.raises(AccountUnusable, match="ORDERS_SYNC_SECRETS_KEY") as caught:
        roster.find("new")

    assert sorted(roster.settings.accounts) == ["elsewhere", "own"]
    assert list(roster.troubles) == ["new"]
    assert "topsecret" not in str(caught.value)
    _, troubles = settings_in_force(other)
    assert troubles == roster.troubles


def test_secrets_that_lie_in_files_are_read_again_when_these_change(
    office: Office, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("first\n")
    office.add("new", app_token=f"file:{token}")
    first = office.later()["new"]
    fresh = tmp_path / "fresh"
    fresh.write_text("second\n")
    fresh.replace(token)

    second = office.later()["new"]

    assert first.app_token.get_secret_value() == "first"
    assert second.app_token.get_secret_value() == "second"
    token.unlink()
    assert "new" not in office.later()
    assert "cannot be read" in office.roster.troubles["new"]
    token.write_text("third")
    assert office.later()["new"].app_token.get_secret_value() == "third"


def test_what_is_secret_is_not_in_the_clear_and_what_is_none_needs_no_key(office: Office) -> None:
    office.add("new", hook_secret="topsecret-topsecret", erp_options={"url": "topsecret", "n": 3})
    row = office.ledger.kept_accounts.find("new")

    places = {"app_key": "env:KEY", "app_token": "file:/run/token", "erp_options": {"n": 3}}

    assert row is not None
    assert row.settings == '{"erp_options": {"n": 3}}'
    assert "topsecret" not in f"{row.settings}{row.secrets}{row}"
    assert seal_account("new", places, Cipher(None)).secrets is None


@pytest.mark.parametrize(
    ("values", "says"),
    [
        pytest.param({"app_token": "env:NO_SUCH_NAME"}, "app_token cannot be read", id="no name"),
        pytest.param({"app_key": "file:/no/such"}, "app_key cannot be read", id="no file"),
        pytest.param({"erp_options": {"url": "env:NO_SUCH"}}, "url cannot be read", id="an option"),
        pytest.param({"apptoken": "topsecret"}, "apptoken is wrong", id="no setting"),
        pytest.param({"app_token": ""}, "app_token is wrong", id="empty"),
        pytest.param({"hook_secret": "topsecret"}, "hook_secret is wrong", id="too short"),
        pytest.param({"retry": {"erp": {"attempts": 0}}}, "retry.erp.attempts", id="deep"),
        pytest.param({"app_token": {"topsecret": 1}}, "app_token is wrong", id="no text"),
        pytest.param(
            {"app_token": "top secret"}, "APP_TOKEN is empty or holds a space", id="space"
        ),
    ],
)
def test_what_is_wrong_of_an_account_is_named_and_nothing_is_quoted(
    values: dict[str, Any], says: str
) -> None:
    with pytest.raises(WrongAccount, match=says) as caught:
        read_account({**GIVEN, **values})

    assert "topsecret" not in str(caught.value)


@pytest.mark.parametrize(
    "broken", ["topsecret", "[1]", '{"app_key": 1, "app_token": "file:"}', "1"]
)
def test_a_row_that_is_broken_stops_no_other_account(office: Office, broken: str) -> None:
    office.add("a")
    act, kept = Act(ACT.at, "somebody else"), office.ledger.kept_accounts
    kept.keep(KeptAccount("broken", broken), act, "add")
    office.add("z")

    assert sorted(office.later()) == ["a", "own", "z"]
    assert list(office.roster.troubles) == ["broken"]
    assert "topsecret" not in office.roster.troubles["broken"]


def test_one_thread_looks_and_the_others_go_on(office: Office) -> None:
    office.later()
    looking, go_on = threading.Event(), threading.Event()
    kept = office.ledger.kept_accounts

    class Slow:
        def changed_since(self, revision: int) -> Any:
            looking.set()
            go_on.wait()
            return kept.changed_since(revision)

    office.roster._kept = Slow()  # type: ignore[assignment]
    office.add("new")
    office.now += REFRESH_SECONDS
    thread = threading.Thread(target=lambda: office.roster.settings)
    thread.start()
    looking.wait()

    meanwhile = office.names

    go_on.set()
    thread.join()
    assert meanwhile == ["own"]
    assert office.names == ["new", "own"]


def test_a_ledger_that_was_never_made_is_not_made_by_looking(tmp_path: Path) -> None:
    settings = Settings(accounts={"own": OWN}, home=tmp_path)
    ledger = Ledger(settings.ledger, lease=settings.lease)

    assert sorted(Roster(settings, ledger.kept_accounts).settings.accounts) == ["own"]
    assert settings_in_force(settings)[0] is settings
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - all names at once.
