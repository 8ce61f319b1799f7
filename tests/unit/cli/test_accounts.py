"""`orders-sync accounts`, as a person and a script use it; nothing secret is shown or in argv."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.shop import STORE, Shop

from orders_sync.encryption import new_key
from orders_sync.roster import settings_in_force
from orders_sync.settings import Settings

SECRETS = "topsecret-key\ntopsecret-token\n"


@pytest.fixture
def keyed(shop: Shop) -> Shop:
    shop.environment["ORDERS_SYNC_SECRETS_KEY"] = new_key()
    return shop


def url_of(shop: Shop) -> str:
    return shop.environment[f"ORDERS_SYNC_ACCOUNTS__{STORE.upper()}__BASE_URL"]


def add(shop: Shop, name: str = "new", *options: str, stdin: str = SECRETS) -> dict[str, Any]:
    told: dict[str, Any] = shop.answers(
        "accounts", "add", name, "--base-url", url_of(shop), *options, stdin=stdin
    )
    return told


def in_force(shop: Shop) -> Settings:
    given = {
        "home": shop.environment["ORDERS_SYNC_HOME"],
        "secrets_key": shop.environment["ORDERS_SYNC_SECRETS_KEY"],
    }
    return settings_in_force(Settings.model_validate(given))[0]


def test_an_account_is_added_from_standard_input_and_listed_beside_the_settings(
    keyed: Shop,
) -> None:
    made = add(keyed, "new", "--requests-per-minute", "60", "--feed-status", "handling")

    listed = keyed.answers("accounts", "list")["accounts"]

    assert made["state"] == "enabled"
    assert {row["account"]: row["kept_in"] for row in listed} == {
        "new": "ledger",
        STORE: "settings",
    }
    assert made["feed_statuses"] == ["handling"]
    account = in_force(keyed).accounts["new"]
    assert account.app_key.get_secret_value() == "topsecret-key"
    assert account.app_token.get_secret_value() == "topsecret-token"
    assert account.requests_per_minute == 60
    assert "topsecret" not in keyed.prints("accounts", "show", "new")
    assert "topsecret" not in keyed.prints("accounts", "list")
    assert "\nnew\n" in keyed.types("status").output


def test_what_is_given_as_json_may_name_where_secrets_lie_and_then_needs_no_key(
    shop: Shop,
) -> None:
    shop.environment["NEW_KEY"] = "topsecret"
    given = {"app_key": "env:NEW_KEY", "app_token": "env:NEW_KEY", "base_url": url_of(shop)}

    shop.prints("accounts", "add", "new", "--from", "-", stdin=json.dumps(given))

    kept = shop.ledger.kept_accounts.find("new")
    assert kept is not None
    assert kept.secrets is None
    assert kept.settings is not None
    assert json.loads(kept.settings) == given


@pytest.mark.parametrize(
    ("arguments", "stdin", "says"),
    [
        pytest.param(("New Store",), SECRETS, "NAME is a VTEX account's", id="no name"),
        pytest.param(("new", "--from", "-"), "{", "not JSON", id="no JSON"),
        pytest.param(("new", "--from", "-"), "[]", "no object", id="no object"),
        pytest.param(
            ("new", "--from", "-"),
            '{"app_key": "k", "app_token": "t", "apptoken": "topsecret"}',
            "apptoken is wrong",
            id="no setting",
        ),
        pytest.param(("new",), "topsecret\n", "App token: nothing came", id="half of it"),
        pytest.param(("new", "--erp", "acme"), SECRETS, "no ERP adapter named", id="no adapter"),
        pytest.param(
            ("new", "--requests-per-minute", "0"), SECRETS, "is wrong", id="out of bounds"
        ),
    ],
)
def test_what_is_wrong_is_refused_and_nothing_is_kept(
    keyed: Shop, arguments: tuple[str, ...], stdin: str, says: str
) -> None:
    result = keyed.types("accounts", "add", *arguments, "--base-url", url_of(keyed), stdin=stdin)

    assert result.exit_code in {1, 2}, result.output
    assert says in result.output
    assert "topsecret" not in result.output
    assert list(keyed.ledger.kept_accounts.changed_since(0)) == []


def test_without_a_key_a_secret_is_not_kept(shop: Shop) -> None:
    result = shop.types("accounts", "add", "new", "--no-check", stdin=SECRETS)

    assert result.exit_code == 3
    assert "ORDERS_SYNC_SECRETS_KEY is missing" in result.output


def test_a_key_that_vtex_refuses_is_kept_only_where_nobody_is_to_ask(keyed: Shop) -> None:
    keyed.box.credentials = {"another": "key"}

    refused = keyed.types("accounts", "add", "new", "--base-url", url_of(keyed), stdin=SECRETS)
    made = add(keyed, "new", "--no-check")

    assert refused.exit_code == 1
    assert "VTEX does not accept the key and token of new" in refused.output
    assert made["state"] == "enabled"


def test_an_account_is_there_once(keyed: Shop) -> None:
    add(keyed)

    again = keyed.types("accounts", "add", "new", "--no-check", stdin=SECRETS)

    assert again.exit_code == 1
    assert "orders-sync accounts set new" in again.output


def test_a_rotation_changes_the_key_and_nothing_else(keyed: Shop) -> None:
    add(keyed, "new", "--requests-per-minute", "60")

    told = keyed.answers("accounts", "rotate", "new", stdin="key-2\ntoken-2\n")

    account = in_force(keyed).accounts["new"]
    assert account.app_token.get_secret_value() == "token-2"
    assert told["requests_per_minute"] == 60


def test_only_what_is_given_changes_and_null_is_the_default(keyed: Shop) -> None:
    add(keyed, "new", "--requests-per-minute", "60", "--retention-days", "5")

    keyed.prints("accounts", "set", "new", "--erp-calls-at-once", "2")
    keyed.prints("accounts", "set", "new", "--from", "-", stdin='{"requests_per_minute": null}')

    account = in_force(keyed).accounts["new"]
    assert (account.requests_per_minute, account.erp_calls_at_once) == (5400, 2)
    assert account.retention_days == 5
    assert account.app_key.get_secret_value() == "topsecret-key"


@pytest.mark.parametrize("name", ["new", STORE])
def test_an_account_is_disabled_and_enabled_wherever_it_is_from(keyed: Shop, name: str) -> None:
    add(keyed)

    disabled = keyed.answers("accounts", "disable", name, "--why", "its ERP moves")
    again = keyed.types("accounts", "disable", name)
    shown = keyed.types("status").output
    enabled = keyed.answers("accounts", "enable", name)

    assert disabled["state"] == "disabled"
    assert again.exit_code == 1
    assert "DISABLED" in shown
    assert enabled["state"] == "enabled"
    assert keyed.types("accounts", "enable", name).exit_code == 1


@pytest.mark.parametrize("verb", ["disable", "enable", "show", "rotate", "set", "remove", "token"])
def test_an_account_that_is_not_there_is_said_to_be_so(keyed: Shop, verb: str) -> None:
    more = ("--erp", "console") if verb == "set" else ()

    result = keyed.types("accounts", verb, "nobody", *more, stdin=SECRETS)

    assert result.exit_code == 1
    assert "nobody is not there" in result.output


def test_one_of_the_settings_is_changed_there(keyed: Shop) -> None:
    for verb in ("rotate", "remove"):
        result = keyed.types("accounts", verb, STORE, stdin=SECRETS)
        assert result.exit_code == 1
        assert "of the settings: change it there" in result.output


def test_an_account_without_work_is_removed(keyed: Shop) -> None:
    add(keyed)

    assert keyed.answers("accounts", "remove", "new") == {"account": "new"}

    assert [row["account"] for row in keyed.answers("accounts", "list")["accounts"]] == [STORE]
    assert add(keyed)["state"] == "enabled"


def test_another_key_makes_it_unusable_until_the_first_is_there_or_it_is_given_anew(
    keyed: Shop,
) -> None:
    add(keyed)
    first = keyed.environment["ORDERS_SYNC_SECRETS_KEY"]
    keyed.environment["ORDERS_SYNC_SECRETS_KEY"] = second = new_key()
    shown = keyed.answers("accounts", "show", "new")
    needs = keyed.types("status")
    refused = keyed.types("accounts", "reencrypt")

    keyed.environment["ORDERS_SYNC_SECRETS_KEY"] = f"{second},{first}"
    done = keyed.answers("accounts", "reencrypt")
    keyed.environment["ORDERS_SYNC_SECRETS_KEY"] = second

    assert shown["state"] == "unusable"
    assert "no key of ORDERS_SYNC_SECRETS_KEY decrypts them" in shown["trouble"]
    assert "orders-sync accounts set new" in needs.output
    assert refused.exit_code == 1
    assert done == {"accounts": 1, "tokens": 0}
    assert keyed.answers("accounts", "show", "new")["state"] == "enabled"


def test_a_new_key_is_one_that_can_be_set(shop: Shop) -> None:
    shop.environment["ORDERS_SYNC_SECRETS_KEY"] = shop.prints("accounts", "new-key").strip()

    assert add(shop)["state"] == "enabled"


@pytest.mark.parametrize(
    "stdin",
    [
        "refresh-topsecret\n",
        '{"access_token": "topsecret", "refresh_token": "topsecret", "expires_in": 60}',
    ],
)
def test_tokens_of_an_erp_are_given_on_standard_input(keyed: Shop, stdin: str) -> None:
    told = keyed.answers("accounts", "token", STORE, stdin=stdin)

    kept = keyed.ledger.erp_tokens.find(STORE)
    assert told == {"account": STORE}
    assert kept is not None
    assert "topsecret" not in kept.tokens
    assert keyed.answers("accounts", "token", STORE, "--retry") == {"account": STORE}


@pytest.mark.parametrize("stdin", ["", "\n", '{"access_token": "topsecret"}', "[1]"])
def test_what_are_no_tokens_is_refused(keyed: Shop, stdin: str) -> None:
    result = keyed.types("accounts", "token", STORE, stdin=stdin)

    assert result.exit_code == 2
    assert "topsecret" not in result.output
    assert keyed.ledger.erp_tokens.find(STORE) is None
