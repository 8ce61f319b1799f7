"""Tokens for services, and people with passwords at the desk; for command line and desk alike."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta
from functools import cache
from typing import Final, Literal

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from orders_sync.backoffice.accounts import NotKnown, require_configured
from orders_sync.errors import OrdersSyncError
from orders_sync.gateway.rights import SCOPES, Role, digest_of, new_token, token_id
from orders_sync.ledger import Ledger
from orders_sync.ledger.access import Caller, User
from orders_sync.ledger.journal import Act
from orders_sync.settings import Settings

#: The operator's log has room for so much, beside what was done.
_LONGEST_NAME: Final = 80
SHORTEST: Final = 12
LONGEST: Final = 200
#: A hash takes 64 MiB of memory; so many are made at once.
_AT_ONCE: Final = 2

#: The part that is wrong: `taken` is a name, and `unknown` an account that is not configured.
Wrong = Literal["name", "taken", "scopes", "accounts", "unknown", "role"]


class GrantRefused(OrdersSyncError):
    """Raised for a token or a person that cannot be; `wrong` names the part."""

    def __init__(self, wrong: Wrong, message: str) -> None:
        super().__init__(message)
        self.wrong = wrong


class WeakPassword(OrdersSyncError):
    """Raised for a password that is too easily guessed; the message states the rule."""


def create_token(
    ledger: Ledger,
    settings: Settings,
    *,
    name: str,
    scopes: Collection[str],
    accounts: Collection[str] | None,
    lasts: timedelta | None,
    act: Act,
) -> tuple[str, Caller]:
    """Add a token, which is kept as a digest only; `accounts` None: for all of them.

    Raises:
        GrantRefused: its name, its scopes or its accounts cannot be.
    """
    name = _name(name)
    if not scopes or not set(scopes) <= SCOPES.keys():
        raise GrantRefused("scopes", f"Name what it may do: {', '.join(SCOPES)}.")
    token = new_token()
    caller = Caller(
        id=token_id(token) or "",
        name=name,
        digest=digest_of(token),
        scopes=frozenset(scopes),
        accounts=_accounts(settings, accounts),
        created_at=act.at,
        expires_at=act.at + lasts if lasts else None,
    )
    if not ledger.callers.add(caller, act):
        raise GrantRefused(
            "taken",
            f"There is a token of the name {name} already, or was one. Give this one another.",
        )
    return token, caller


def create_user(
    ledger: Ledger,
    settings: Settings,
    passwords: Passwords,
    *,
    name: str,
    role: str,
    accounts: Collection[str] | None,
    sees_persons: bool,
    password: str | None,
    act: Act,
) -> tuple[str, User]:
    """Add a user of the desk; return the password, made where none is given, and the user.

    Raises:
        GrantRefused: the name, the role or the accounts cannot be.
    """
    name = _name(name)
    if role not in set(Role):
        raise GrantRefused("role", f"A role is one of {', '.join(Role)}.")
    password = password or new_password()
    user = User(
        name=name,
        password=passwords.hash(password),
        role=role,
        accounts=_accounts(settings, accounts),
        sees_persons=sees_persons,
        created_at=act.at,
    )
    if not ledger.users.add(user, act):
        raise GrantRefused(
            "taken",
            f"There is a user {name} already. Another password: orders-sync users passwd {name}",
        )
    return password, user


class Passwords:
    """Hashes and checks passwords with argon2, a few at a time."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._turns = threading.BoundedSemaphore(_AT_ONCE)
        self._of_nobody = _hash_of_nobody()

    def hash(self, password: str) -> str:
        """Return the hash of a password, which alone is kept."""
        with self._turns:
            return self._hasher.hash(password)

    def is_right(self, password: str, kept: str | None) -> bool:
        """Check a password against its hash; None, for an unknown name, takes as long."""
        with self._turns, suppress(VerificationError, InvalidHashError):
            self._hasher.verify(kept or self._of_nobody, password[:LONGEST])
            return kept is not None
        return False


@cache
def _hash_of_nobody() -> str:
    return PasswordHasher().hash(secrets.token_hex(16))


def new_password() -> str:
    """Return a random password of characters that are not mistaken for others."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    groups = ("".join(secrets.choice(alphabet) for _ in range(5)) for _ in range(4))
    return "-".join(groups)


def require_strong(password: str, name: str) -> str:
    """Return a password that may be used: long enough, and not its user's name.

    Raises:
        WeakPassword: it is not.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise WeakPassword(f"A password has {SHORTEST} to {LONGEST} characters.")
    if password.casefold() == name.casefold() or len(set(password)) < SHORTEST // 3:
        raise WeakPassword("This password is guessed at once: take another.")
    return password


def _name(name: str) -> str:
    text = name.strip()
    if not text or len(text) > _LONGEST_NAME or not text.isprintable():
        raise GrantRefused("name", f"A name has 1 to {_LONGEST_NAME} characters that show.")
    return text


def _accounts(settings: Settings, accounts: Collection[str] | None) -> frozenset[str] | None:
    if accounts is None:
        return None
    if not accounts:
        raise GrantRefused("accounts", "Name each account, or say that it is for all.")
    for account in accounts:
        try:
            require_configured(settings, account)
        except NotKnown as error:
            raise GrantRefused("unknown", str(error)) from None
    return frozenset(accounts)
