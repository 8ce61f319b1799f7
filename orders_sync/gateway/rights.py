"""What callers and people may do and for which accounts, and the tokens of callers. Pure."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from orders_sync.commands import NAMED
from orders_sync.errors import OrdersSyncError

_TOKEN: Final = re.compile(r"osync_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")


class Scope(StrEnum):
    """What a caller may do; sending may be narrowed to a kind, as `send:invoice`."""

    READ = "read"  # See orders, commands and what is parked: ids and facts, nobody's name.
    PERSONS = "persons"  # See documents and commands' bodies, which name people.
    SEND = "send"  # Ask for commands.
    DECIDE = "decide"  # Retry, edit and discard what is parked.
    ERP = "erp"  # Ask in the ERP's name.


class Role(StrEnum):
    """What a person may do at the desk; seeing persons is a right of its own."""

    VIEWER = "viewer"  # Look.
    OPERATOR = "operator"  # Retry, edit and discard what is parked.
    ADMIN = "admin"  # See who may use the desk, and shut people out.


#: All that a scope may be called, with what it lets its caller do.
SCOPES: Final = {
    Scope.READ.value: "see orders, commands and what is parked; nobody's name",
    Scope.PERSONS.value: "see documents and bodies, which name people",
    Scope.SEND.value: "ask for every kind of command",
    **{f"{Scope.SEND}:{name}": kind.summary.rstrip(".") for name, kind in NAMED.items()},
    Scope.DECIDE.value: "retry, edit and discard what is parked",
    Scope.ERP.value: "ask in the ERP's name: its adapter is told what becomes of it",
}


class NotAllowedError(OrdersSyncError):
    """Raised where a caller may not do what it asks for; the message says which scope it lacks."""


@dataclass(frozen=True, slots=True)
class Rights:
    """Who calls, what it may do, and for which accounts; None: for all of them."""

    name: str
    scopes: Collection[str]
    accounts: Collection[str] | None

    def require(self, scope: Scope, account: str | None, kind: str | None = None) -> None:
        """Check what the caller may do; `account` None means: for all accounts.

        Raises:
            NotAllowedError: it lacks the scope or the account.
        """
        narrow = f"{scope}:{kind}" if kind else scope
        if scope not in self.scopes and narrow not in self.scopes:
            raise NotAllowedError(f"{self.name} lacks the scope {narrow}.")
        if self.accounts is not None and account not in self.accounts:
            of_account = f"the account {account}" if account else "all accounts"
            raise NotAllowedError(f"{self.name} is not for {of_account}.")

    def allows(self, scope: Scope, account: str | None, kind: str | None = None) -> bool:
        """Check whether the caller may do something."""
        try:
            self.require(scope, account, kind)
        except NotAllowedError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Visitor:
    """A person who is signed in; `is_local`: by a password of ours.

    A person named by a proxy has no session that could be ended here.
    """

    role: Role
    rights: Rights
    language: str | None = None
    is_local: bool = False
    has_session: bool = False

    @property
    def name(self) -> str:
        """The name that the operator's log has."""
        return self.rights.name

    @property
    def sees_persons(self) -> bool:
        """Whether it may see names, documents and addresses."""
        return Scope.PERSONS in self.rights.scopes

    @property
    def decides(self) -> bool:
        """Whether it may retry, edit and discard."""
        return Scope.DECIDE in self.rights.scopes


def new_token() -> str:
    """Return a new random token; its public part is `token_id`."""
    return f"osync_{secrets.token_hex(6)}_{secrets.token_urlsafe(32)}"


def token_id(token: str) -> str | None:
    """Return the part of a token by which it is found and shown; None where it is no token."""
    match = _TOKEN.fullmatch(token)
    return match[1] if match else None


def digest_of(token: str) -> str:
    """Return the digest of a token, which alone is kept: 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def is_same(token: str, digest: str) -> bool:
    """Check a token against a digest, in a time that does not depend on it."""
    return hmac.compare_digest(digest_of(token), digest)


_SCOPES: Final[Mapping[Role, frozenset[Scope]]] = {
    Role.VIEWER: frozenset({Scope.READ}),
    Role.OPERATOR: frozenset({Scope.READ, Scope.DECIDE}),
    Role.ADMIN: frozenset({Scope.READ, Scope.DECIDE}),
}


def visitor_of(
    name: str,
    role: str,
    accounts: Collection[str] | None,
    *,
    sees_persons: bool,
    language: str | None = None,
    is_local: bool = False,
) -> Visitor:
    """Return a visitor with the rights of a role; an unknown role counts as viewer."""
    known = Role(role) if role in set(Role) else Role.VIEWER
    scopes = _SCOPES[known] | ({Scope.PERSONS} if sees_persons else frozenset())
    return Visitor(known, Rights(name, scopes, accounts), language, is_local)


def role_by_groups(
    groups: Collection[str], by_group: Mapping[str, str], default: str | None
) -> tuple[str, bool] | None:
    """Return the highest role of a person's groups, and whether any lets them see persons.

    None where there is no role, not even by default.
    """
    granted = [by_group[group].split() for group in groups if group in by_group]
    if not granted and default is not None:
        granted = [default.split()]
    if not granted:
        return None
    order = list(Role)
    role = max((Role(words[0]) for words in granted), key=order.index)
    return role, any("persons" in words for words in granted)
