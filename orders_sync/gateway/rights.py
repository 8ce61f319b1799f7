"""What a caller may do and for which accounts, and the tokens that say who calls. Pure."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
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
        """Refuse what the caller may not do; `account` None means: for all accounts.

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


def new_token() -> str:
    """Return a token that nobody can guess; its public part is `token_id`."""
    return f"osync_{secrets.token_hex(6)}_{secrets.token_urlsafe(32)}"


def token_id(token: str) -> str | None:
    """Return the part of a token by which it is found and shown; None where it is no token."""
    match = _TOKEN.fullmatch(token)
    return match[1] if match else None


def digest_of(token: str) -> str:
    """Return what is kept of a token: 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def is_same(token: str, digest: str) -> bool:
    """Check a token in a time that tells nothing of the right one."""
    return hmac.compare_digest(digest_of(token), digest)
