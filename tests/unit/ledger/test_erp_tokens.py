"""Tokens of ERPs in the ledger: who renews them is decided by their version."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from orders_sync.ledger import Ledger
from orders_sync.ledger.account_settings import ErpTokens, KeptTokens
from orders_sync.ledger.journal import Act

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
ACT = Act(NOW, "ana")


@pytest.fixture
def rows(ledger: Ledger) -> ErpTokens:
    ledger.erp_tokens.give("mystore", "sealed", ACT)
    return ledger.erp_tokens


def found(rows: ErpTokens) -> KeptTokens:
    kept = rows.find("mystore")
    assert kept is not None
    return kept


def test_of_all_who_begin_at_once_one_may(rows: ErpTokens) -> None:
    kept = found(rows)

    with ThreadPoolExecutor(8) as threads:
        begun = list(threads.map(lambda n: rows.begin(kept, process=f"p{n}", now=NOW), range(8)))

    assert len([version for version in begun if version is not None]) == 1
    assert rows.begin(found(rows), process="late", now=NOW) is None


def test_what_is_renewed_is_kept_unless_a_person_gave_others(rows: ErpTokens) -> None:
    version = rows.begin(found(rows), process="one", now=NOW)
    assert version is not None
    assert rows.keep("mystore", version, "newer", now=NOW)
    version = rows.begin(found(rows), process="one", now=NOW)
    assert version is not None
    rows.give("mystore", "a person's", ACT)

    assert not rows.keep("mystore", version, "late", now=NOW)
    assert found(rows).tokens == "a person's"
    assert found(rows).refreshing_since is None


def test_what_was_refused_is_known_until_others_are_given(rows: ErpTokens) -> None:
    version = rows.begin(found(rows), process="one", now=NOW)
    assert version is not None
    rows.refuse("mystore", version, now=NOW)
    assert found(rows).refused_at == NOW

    rows.give("mystore", "others", ACT)

    assert found(rows).refused_at is None


def test_tokens_are_encrypted_anew_while_they_are_renewed_and_stay_the_latest(
    rows: ErpTokens,
) -> None:
    version = rows.begin(found(rows), process="one", now=NOW)
    assert version is not None

    assert rows.renew(lambda token: f"new {token}", ACT) == 1

    assert found(rows).tokens == "new sealed"
    assert rows.keep("mystore", version, "latest", now=NOW)
    assert [kept.tokens for kept in rows.all()] == ["latest"]
    assert not rows.retry("nobody", ACT)
