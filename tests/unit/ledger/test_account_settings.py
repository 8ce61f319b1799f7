"""Accounts that the ledger keeps: every change has a number, and none is overlooked."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from orders_sync.ledger.account_settings import KeptAccount, KeptAccounts
from orders_sync.ledger.accounts import Accounts, Chore
from orders_sync.ledger.engine import Database
from orders_sync.ledger.journal import Act
from orders_sync.ledger.tables import account_settings, operator_log, orders

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
ACT = Act(NOW, "ana", "a new store")
STORE = KeptAccount("mystore", '{"erp": "staging"}', "sealed")


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Database]:
    with closing(Database(ledger_url)) as database:
        yield database


@pytest.fixture
def kept(ledger: Database) -> KeptAccounts:
    return KeptAccounts(ledger)


def names_since(kept: KeptAccounts, revision: int) -> list[str]:
    return [row.account for row in kept.changed_since(revision)]


def test_an_account_is_kept_and_told_of_with_the_number_of_its_change(kept: KeptAccounts) -> None:
    assert kept.keep(STORE, ACT, "add")
    assert kept.keep(KeptAccount("other", "{}"), ACT, "add")

    first, second = kept.changed_since(0)

    assert (first.account, first.settings, first.secrets) == ("mystore", STORE.settings, "sealed")
    assert first.revision < second.revision
    assert names_since(kept, second.revision) == ["other"]
    assert "sealed" not in repr(first)


def test_a_change_on_what_somebody_else_changed_is_refused(kept: KeptAccounts) -> None:
    kept.keep(STORE, ACT, "add")
    seen = kept.find("mystore")
    assert seen is not None
    kept.keep(KeptAccount("mystore", "{}", None, revision=seen.revision), ACT, "set")

    assert not kept.keep(KeptAccount("mystore", "{}", "late", revision=seen.revision), ACT, "set")
    assert not kept.keep(STORE, ACT, "add")


def test_one_that_is_disabled_stays_so_whatever_changes_until_it_is_enabled(
    kept: KeptAccounts,
) -> None:
    kept.keep(STORE, ACT, "add")
    assert kept.disable("mystore", ACT)
    assert not kept.disable("mystore", ACT)
    disabled = kept.find("mystore")
    assert disabled is not None
    kept.keep(KeptAccount("mystore", "{}", "new", revision=disabled.revision), ACT, "rotate")

    rotated = kept.find("mystore")

    assert rotated is not None
    assert (rotated.disabled_at, rotated.secrets) == (NOW, "new")
    assert kept.enable("mystore", ACT)
    assert not kept.enable("mystore", ACT)


def test_an_account_of_the_settings_can_be_disabled_too(kept: KeptAccounts) -> None:
    assert kept.disable("of-the-settings", ACT)

    [row] = kept.changed_since(0)

    assert row.settings is None
    assert row.disabled_at == NOW


def test_enabling_has_feed_and_erp_asked_at_once(kept: KeptAccounts, ledger: Database) -> None:
    accounts = Accounts(ledger)
    accounts.schedule({("mystore", Chore.POLL): NOW})
    kept.disable("mystore", ACT)
    [turn] = accounts.claim([Chore.POLL], now=NOW, lease=timedelta(seconds=15), limit=9)
    accounts.rest([turn])
    assert accounts.claim([Chore.POLL], now=NOW, lease=timedelta(seconds=15), limit=9) == []

    kept.enable("mystore", ACT)

    turns = accounts.claim([Chore.POLL], now=NOW, lease=timedelta(seconds=15), limit=9)
    assert [turn.account for turn in turns] == ["mystore"]


def test_a_turn_that_rests_while_its_account_is_enabled_stays_due(
    kept: KeptAccounts, ledger: Database
) -> None:
    accounts = Accounts(ledger)
    accounts.schedule({("mystore", Chore.POLL): NOW - timedelta(seconds=1)})
    kept.disable("mystore", ACT)
    [turn] = accounts.claim([Chore.POLL], now=NOW, lease=timedelta(seconds=15), limit=9)
    kept.enable("mystore", ACT)

    accounts.rest([turn])

    assert accounts.claim([Chore.POLL], now=NOW, lease=timedelta(seconds=15), limit=9) != []


def test_one_with_work_is_not_removed(kept: KeptAccounts, ledger: Database) -> None:
    kept.keep(STORE, ACT, "add")
    row = {
        "account": "mystore",
        "order_id": "1-01",
        "progress": "seen",
        "standing": "parked",
        "news": False,
        "attempts": 0,
        "version": 1,
        "first_seen_at": NOW,
        "updated_at": NOW,
    }
    with ledger.writing() as connection:
        connection.execute(sa.insert(orders).values(row))
    assert not kept.remove("mystore", ACT)
    with ledger.writing() as connection:
        connection.execute(sa.update(orders).values(standing="void"))

    assert kept.remove("mystore", ACT)

    gone = kept.find("mystore")
    assert gone is not None
    assert (gone.settings, gone.secrets) == (None, None)
    assert not kept.remove("mystore", ACT)


def test_changes_at_once_are_all_seen_by_whoever_follows(kept: KeptAccounts) -> None:
    seen: dict[str, KeptAccount] = {}
    revision = 0

    def follow() -> None:
        nonlocal revision
        for row in kept.changed_since(revision):
            seen[row.account] = row
            revision = max(revision, row.revision)

    with ThreadPoolExecutor(4) as threads:
        added = [
            threads.submit(kept.keep, KeptAccount(f"store{n}", "{}"), ACT, "add") for n in range(40)
        ]
        while not all(each.done() for each in added):
            follow()
    follow()

    assert all(each.result() for each in added)
    assert sorted(seen) == sorted(f"store{n}" for n in range(40))
    assert len({row.revision for row in seen.values()}) == 40


def test_all_secrets_are_encrypted_anew_or_none(kept: KeptAccounts, ledger: Database) -> None:
    kept.keep(STORE, ACT, "add")
    kept.keep(KeptAccount("other", "{}", "unknown"), ACT, "add")
    kept.keep(KeptAccount("elsewhere", "{}"), ACT, "add")

    def renew(token: str) -> str:
        if token == "unknown":
            raise ValueError(token)
        return f"new {token}"

    with pytest.raises(ValueError, match="unknown"):
        kept.renew(renew, ACT)
    before = kept.find("mystore")
    assert kept.renew(lambda token: f"new {token}", ACT) == 2

    with ledger.reading() as connection:
        secrets = connection.execute(sa.select(account_settings.c.secrets)).scalars().all()
    assert before is not None
    assert before.secrets == "sealed"
    assert {*secrets} == {"new sealed", "new unknown", None}


def test_what_people_did_is_in_the_operators_log(kept: KeptAccounts, ledger: Database) -> None:
    kept.keep(STORE, ACT, "add")
    kept.disable("mystore", ACT)

    with ledger.reading() as connection:
        rows = connection.execute(sa.select(operator_log).order_by(operator_log.c.id)).all()
    assert [(row.who, row.did, row.account, row.why) for row in rows] == [
        ("ana", "accounts add", "mystore", "a new store"),
        ("ana", "accounts disable", "mystore", "a new store"),
    ]
