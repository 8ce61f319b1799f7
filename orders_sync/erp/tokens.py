"""OAuth tokens of an ERP, whose refresh token changes with each use.

Two processes that use one refresh token at once lose it: the server gives the second nothing, and
many servers then end the first's too. So tokens are kept where all processes see them, and renewed
by one at a time. https://www.rfc-editor.org/rfc/rfc9700#section-4.14.2
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, Protocol

from orders_sync.errors import ConfigurationError, ErpUnavailable, WaitError

#: A token is renewed so long before it ends, so that it lasts for the call that it is taken for.
RENEWED_BEFORE: Final = timedelta(seconds=60)


class TokensUnusable(ErpUnavailable):
    """Raised where an account's tokens are of no use until a person gives others."""

    cause: ClassVar[str] = "erp.tokens_unusable"


class TokensBusy(WaitError):
    """Raised while another process renews the account's tokens."""

    cause: ClassVar[str] = "erp.tokens_busy"


@dataclass(frozen=True, slots=True)
class Tokens:
    """What an ERP's OAuth server gave; an access token without `expires_at` is good for ever."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: datetime | None = None

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any], *, now: datetime) -> Tokens:
        """Read a server's answer; https://www.rfc-editor.org/rfc/rfc6749#section-5.1.

        Raises:
            ValueError: it has not both tokens, or no number of seconds; nothing of it is quoted.
        """
        access, refresh = answer.get("access_token"), answer.get("refresh_token")
        seconds = answer.get("expires_in")
        if not all(isinstance(token, str) and token for token in (access, refresh)):
            raise ValueError("it has not both access_token and refresh_token")
        try:
            lasts = None if seconds is None else timedelta(seconds=float(seconds))
        except (TypeError, ValueError, OverflowError):
            raise ValueError("its expires_in is no number of seconds") from None
        return cls(str(access), str(refresh), None if lasts is None else now + lasts)

    def is_good(self, now: datetime, *, ahead: timedelta = RENEWED_BEFORE) -> bool:
        """Check whether the access token is good for a call that is made now."""
        ends = self.expires_at
        return bool(self.access_token) and (ends is None or now + ahead < ends)


class TokenStore(Protocol):
    """The store of an account's tokens, which its adapter uses and renews."""

    def access_token(
        self, refresh: Callable[[Tokens], Tokens], *, refused: str | None = None
    ) -> str:
        """Return an access token for a call that is made now.

        Where it is about to end, or is the one that the ERP just `refused`, it is renewed:
        `refresh` uses the refresh token, once and within 30 seconds, and returns the tokens that
        the server gave. They are kept before this returns. `refresh` raises `ErpUnavailable` only
        where the server surely did not take the call, and `ErpRefused` where it refused the refresh
        token; after anything else nobody knows which token is good, and a person is asked.

        Raises:
            TokensUnusable: there is none, or a person has to give new ones.
            TokensBusy: another process renews them now.
            ErpUnavailable: the server did not take the call.
        """
        ...


class NoTokens:
    """The store of an adapter that was given none."""

    def access_token(
        self,
        refresh: Callable[[Tokens], Tokens],  # noqa: ARG002 - there is nothing to renew.
        *,
        refused: str | None = None,  # noqa: ARG002
    ) -> str:
        """Raise: there is no store."""
        raise ConfigurationError("this adapter was built without a store of tokens")
