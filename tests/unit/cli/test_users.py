from __future__ import annotations

import pytest
from support.shop import STORE, Shop

from orders_sync.gateway.grants import Passwords

OPTIONS = ("--role", "operator", "--all-accounts")


def kept(shop: Shop, name: str = "ana") -> str:
    user = shop.ledger.users.find(name)
    assert user is not None
    return user.password


def test_a_made_password_is_shown_once_and_kept_as_a_hash(shop: Shop) -> None:
    password = shop.prints("users", "create", "ana", *OPTIONS, "--persons").splitlines()[0]

    assert Passwords().is_right(password, kept(shop))
    assert password not in kept(shop)
    assert password not in shop.prints("users", "list")


def test_a_password_is_read_from_standard_input(shop: Shop) -> None:
    said = shop.prints(
        "users", "create", "ana", *OPTIONS, "--password-stdin", stdin="a very long password\n"
    )

    assert Passwords().is_right("a very long password", kept(shop))
    assert "a very long password" not in said


@pytest.mark.parametrize("password", ["short", "", "a" * 20, "x" * 300])
def test_a_weak_password_is_refused(shop: Shop, password: str) -> None:
    result = shop.types("users", "create", "ana", *OPTIONS, "--password-stdin", stdin=password)

    assert result.exit_code == 1
    assert shop.ledger.users.all() == []


def test_users_are_listed_with_what_they_may_do(shop: Shop) -> None:
    made = shop.answers("users", "create", "ana", "--role", "viewer", "--account", STORE)
    shop.prints("users", "disable", "ana")

    [told] = shop.answers("users", "list")["users"]

    assert made["password"]
    assert {name: told[name] for name in ("name", "role", "accounts", "sees_persons", "state")} == {
        "name": "ana",
        "role": "viewer",
        "accounts": [STORE],
        "sees_persons": False,
        "state": "disabled",
    }
    shop.prints("users", "enable", "ana")
    assert shop.answers("users", "list")["users"][0]["state"] == "in force"


def test_another_password_takes_the_place_of_the_first(shop: Shop) -> None:
    first = shop.answers("users", "create", "ana", *OPTIONS)["password"]

    second = shop.answers("users", "passwd", "ana")["password"]

    passwords = Passwords()
    assert not passwords.is_right(first, kept(shop))
    assert passwords.is_right(second, kept(shop))


def test_a_name_is_given_once(shop: Shop) -> None:
    shop.prints("users", "create", "ana", *OPTIONS)

    result = shop.types("users", "create", "ana", *OPTIONS)

    assert result.exit_code == 1
    assert "orders-sync users passwd ana" in result.output


@pytest.mark.parametrize("verb", ["passwd", "disable", "enable"])
def test_whoever_is_not_there_is_told_so(shop: Shop, verb: str) -> None:
    result = shop.types("users", verb, "nobody")

    assert result.exit_code == 1
    assert "orders-sync users list" in result.output


@pytest.mark.parametrize("accounts", [(), ("--all-accounts", "--account", STORE)])
def test_the_accounts_must_be_said_one_way(shop: Shop, accounts: tuple[str, ...]) -> None:
    assert shop.types("users", "create", "ana", "--role", "viewer", *accounts).exit_code == 2
