"""Who may come in: tokens for services, and people at the desk; for command line and desk alike."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Final, Literal

from orders_sync.backoffice.accounts import NotKnown, require_configured
from orders_sync.errors import OrdersSyncError
from orders_sync.gateway.desk.passwords import Passwords, new_password
from orders_sync.gateway.desk.roles import Role
from orders_sync.gateway.rights import SCOPES, digest_of, new_token, token_id
from orders_sync.ledger import Ledger
from orders_sync.ledger.acts import Act
from orders_sync.ledger.callers import Caller
from orders_sync.ledger.users import User
from orders_sync.settings import Settings

#: What the operator's log has room for, beside what was done.
_LONGEST_NAME: Final = 80


#: The part that cannot be: `taken` is a name, and `unknown` an account that is not configured.
Wrong = Literal["name", "taken", "scopes", "accounts", "unknown", "role"]


class GrantRefused(OrdersSyncError):
    """Raised for a token or a person that cannot be; `wrong` says which part of it."""

    def __init__(self, wrong: Wrong, says: str) -> None:
        super().__init__(says)
        self.wrong = wrong


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
    """Make a token, which is kept as a digest only; `accounts` None: for all of them.

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
    """Let somebody use the desk; a password is made where none is given.

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
