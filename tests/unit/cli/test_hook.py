from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from support.receiver import Receiver, receiving
from support.shop import HOOK_SECRET, STORE, Shop

from orders_sync.upkeep.watch_feed import keep_hook_url, read_hook_url

CONFIGURE = ("hook", "configure")


@pytest.fixture
def receiver(shop: Shop) -> Iterator[Receiver]:
    shop.box.dials.hook_loopback = True
    with receiving() as receiver:
        yield receiver


def test_a_hook_that_is_not_there_is_said_to_be_so(shop: Shop) -> None:
    assert shop.prints("hook", "show").startswith(f"{STORE}: no hook is configured")


def test_a_hook_is_configured_once_with_its_secret(shop: Shop, receiver: Receiver) -> None:
    first = shop.answers(*CONFIGURE, f"{receiver.url}/")
    second = shop.answers(*CONFIGURE, receiver.url)

    assert [each["outcome"] for each in (*first, *second)] == ["created", "unchanged"]
    assert receiver.headers[0]["x-integration-secret"] == HOOK_SECRET
    assert read_hook_url(shop.ledger, STORE) == f"{receiver.url}/hook/{STORE}"


def test_it_is_shown_without_its_secret_and_with_when_it_was_heard(
    shop: Shop, receiver: Receiver
) -> None:
    shop.prints(*CONFIGURE, receiver.url)
    never = shop.prints("hook", "show")
    shop.ledger.hook_log.note_hook(STORE, datetime(2026, 11, 27, 12, tzinfo=UTC))
    [shown] = shop.answers("hook", "show")

    assert f"{STORE}: configured as the settings say" in never
    assert "heard never yet" in never
    assert (shown["is_ours"], shown["differences"]) == (True, [])
    assert shown["heard_at"] == "2026-11-27T12:00:00+00:00"
    assert shown["configuration"]["hook"]["headers"] == ["X-Integration-Secret"]
    assert HOOK_SECRET not in str(shown) + never


def test_another_secret_is_told_and_replaced_when_that_is_meant(
    shop: Shop, receiver: Receiver
) -> None:
    shop.prints(*CONFIGURE, receiver.url)
    shop.environment[f"ORDERS_SYNC_ACCOUNTS__{STORE.upper()}__HOOK_SECRET"] = "another-secret-of-it"

    refused = shop.types(*CONFIGURE, receiver.url)
    [done] = shop.answers(*CONFIGURE, receiver.url, "--replace")

    assert refused.exit_code == 1
    assert "hook.headers.X-Integration-Secret has another value" in refused.stdout
    assert f"--replace --account {STORE}" in refused.stderr
    assert done["outcome"] == "replaced"
    assert receiver.headers[-1]["x-integration-secret"] == "another-secret-of-it"


def test_an_address_that_does_not_answer_is_not_kept(shop: Shop, receiver: Receiver) -> None:
    receiver.statuses = [401]

    result = shop.types(*CONFIGURE, receiver.url)

    assert result.exit_code == 1
    assert "Unable to check address" in result.stderr
    assert "Is orders-sync serve running" in result.stderr
    assert read_hook_url(shop.ledger, STORE) is None


def test_a_url_that_vtex_would_refuse_is_named_before_it_is_asked(shop: Shop) -> None:
    result = shop.types(*CONFIGURE, "http://orders.example.com")

    assert result.exit_code == 3
    assert "https only" in result.stderr


def test_a_hook_is_removed_and_not_missed(shop: Shop, receiver: Receiver) -> None:
    shop.prints(*CONFIGURE, receiver.url)
    shop.ledger.hook_log.note_hook(STORE, datetime.now(UTC))

    first, second = shop.answers("hook", "remove"), shop.answers("hook", "remove")

    assert (first["outcome"], second["outcome"]) == ("removed", "absent")
    assert read_hook_url(shop.ledger, STORE) is None
    assert shop.ledger.hook_log.read() == {}


def test_somebody_elses_hook_is_removed_only_when_that_is_meant(
    shop: Shop, receiver: Receiver
) -> None:
    shop.prints(*CONFIGURE, receiver.url)
    keep_hook_url(shop.ledger, STORE, None, now=datetime.now(UTC))

    refused = shop.types("hook", "remove")
    shown = shop.prints("hook", "show")

    assert refused.exit_code == 1
    assert "--foreign" in refused.stderr
    assert f"{STORE}: not configured here" in shown
    assert shop.answers("hook", "remove", "--foreign")["outcome"] == "removed"
