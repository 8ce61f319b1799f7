from __future__ import annotations

from datetime import UTC, datetime, timedelta

from support.shop import STORE, Shop

from orders_sync.gateway.rights import is_same, token_id


def made(shop: Shop, *words: str) -> dict[str, object]:
    answer: dict[str, object] = shop.answers("tokens", "create", *words)
    return answer


def test_a_token_is_shown_once_and_kept_as_a_digest(shop: Shop) -> None:
    said = shop.prints("tokens", "create", "--name", "wms", "--account", STORE, "--scope", "send")

    token = said.splitlines()[0]
    (caller,) = shop.ledger.callers.all()
    assert caller.id == token_id(token)
    assert is_same(token, caller.digest)
    assert (caller.name, caller.scopes) == ("wms", frozenset({"send"}))
    assert caller.accounts == frozenset({STORE})
    assert token not in shop.prints("tokens", "list")


def test_a_token_may_be_for_all_accounts_and_for_some_days(shop: Shop) -> None:
    asked = ("--name", "wms", "--all-accounts", "--scope", "read", "--expires", "30d")

    told = made(shop, *asked)

    assert (told["accounts"], told["scopes"]) == (None, ["read"])
    (caller,) = shop.ledger.callers.all()
    assert caller.expires_at is not None
    assert timedelta(days=29) < caller.expires_at - datetime.now(UTC) <= timedelta(days=30)


def test_a_token_for_nobody_or_for_an_account_that_is_none_is_refused(shop: Shop) -> None:
    asked = ("tokens", "create", "--name", "wms", "--scope", "read")

    for more, status in (((), 2), (("--account", STORE, "--all-accounts"), 2)):
        assert shop.types(*asked, *more).exit_code == status
    assert shop.types(*asked, "--account", "typo").exit_code == 1
    assert shop.types("tokens", "create", "--name", " ", "--all-accounts", "--scope", "read")
    assert shop.ledger.callers.all() == []


def test_a_name_is_given_once_even_after_it_was_revoked(shop: Shop) -> None:
    asked = ("--name", "wms", "--account", STORE, "--scope", "read")
    made(shop, *asked)
    assert "is revoked" in shop.prints("tokens", "revoke", "wms")

    again = shop.types("tokens", "create", *asked)

    assert again.exit_code == 1
    assert "Give this one another" in again.output
    assert shop.types("tokens", "revoke", "wms").exit_code == 1
    [listed] = shop.answers("tokens", "list")["tokens"]
    assert (listed["name"], listed["state"]) == ("wms", "revoked")
