"""The store of an ERP's OAuth tokens: in the ledger, encrypted, for all processes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from orders_sync.domain.time import Clock
from orders_sync.encryption import Cipher, NotDecrypted
from orders_sync.erp.tokens import Tokens, TokensBusy, TokensUnusable
from orders_sync.errors import ErpRefused, ErpUnavailable, LedgerUnavailable
from orders_sync.ledger.account_settings import ErpTokens, KeptTokens
from orders_sync.ledger.engine import Database
from orders_sync.settings import Settings

log = structlog.get_logger(__name__)

#: A process that began to renew tokens so long ago, and has not ended it, is gone.
LOST_AFTER: Final = timedelta(seconds=60)
_BUSY_SECONDS: Final = 1.0
_TRIES: Final = 3


def seal_tokens(tokens: Tokens, cipher: Cipher) -> str:
    """Return tokens as encrypted text.

    Raises:
        ConfigurationError: there is no key.
    """
    ends = tokens.expires_at.isoformat() if tokens.expires_at else None
    return cipher.encrypt(json.dumps([tokens.access_token, tokens.refresh_token, ends]))


def open_tokens(kept: KeptTokens, cipher: Cipher) -> Tokens:
    """Return decrypted tokens.

    Raises:
        TokensUnusable: they cannot be decrypted here.
    """
    try:
        access, refresh, ends = json.loads(cipher.decrypt(kept.tokens))
    except NotDecrypted as error:
        raise TokensUnusable(f"{kept.account}: its tokens cannot be read: {error}.") from None
    return Tokens(access, refresh, datetime.fromisoformat(ends) if ends else None)


def trouble_of(kept: KeptTokens, *, now: datetime) -> str | None:
    """Return why a person has to set new tokens; None where nobody has to."""
    if kept.refused_at is not None:
        return f"the ERP refused to renew its tokens at {kept.refused_at:%Y-%m-%d %H:%M} UTC"
    since = kept.refreshing_since
    if since is not None and now - since > LOST_AFTER:
        return (
            f"a process began to renew its tokens at {since:%Y-%m-%d %H:%M} UTC and ended before "
            "it had kept the new ones, so nobody knows whether the old ones are still good"
        )
    return None


@dataclass(frozen=True, slots=True)
class _Fresh:
    """Renewed tokens that the ledger does not have yet."""

    version: int
    tokens: Tokens


class LedgerTokenStore:
    """Returns and renews an account's access token; see `erp.tokens.TokenStore`.

    `process` is this one's name. The token that was read last is used while it is good, so a call
    costs no query.
    """

    def __init__(
        self, account: str, rows: ErpTokens, cipher: Cipher, *, process: str, clock: Clock
    ) -> None:
        self._account = account
        self._rows = rows
        self._cipher = cipher
        self._process = process
        self._clock = clock
        self._known: Tokens | None = None
        self._unkept: _Fresh | None = None
        self._lock = threading.Lock()

    def access_token(
        self, refresh: Callable[[Tokens], Tokens], *, refused: str | None = None
    ) -> str:
        """Return an access token that is good now, renewed if need be."""
        known = self._known
        is_kept = self._unkept is None
        if is_kept and known and known.is_good(self._clock()) and known.access_token != refused:
            return known.access_token
        # One thread of a process renews for all of them.
        with self._lock:
            self._write_unkept()
            for _ in range(_TRIES):
                token = self._try(refresh, refused)
                if token is not None:
                    return token
        raise TokensBusy(f"{self._account}: its tokens are being renewed.", _BUSY_SECONDS)

    def _try(self, refresh: Callable[[Tokens], Tokens], refused: str | None) -> str | None:
        """Return a token; None where another process was first to renew it."""
        kept, now = self._rows.find(self._account), self._clock()
        if kept is None:
            raise TokensUnusable(f"{self._account} has no tokens of its ERP. {self._advice}")
        tokens = self._known = open_tokens(kept, self._cipher)
        if tokens.is_good(now) and tokens.access_token != refused:
            return tokens.access_token
        trouble = trouble_of(kept, now=now)
        if trouble is not None:
            raise TokensUnusable(f"{self._account}: {trouble}. {self._advice}")
        if kept.refreshing_since is not None:
            if tokens.is_good(now, ahead=timedelta()) and tokens.access_token != refused:
                return tokens.access_token
            raise TokensBusy(f"{self._account}: its tokens are being renewed.", _BUSY_SECONDS)
        version = self._rows.begin(kept, process=self._process, now=now)
        return None if version is None else self._renew(tokens, version, refresh)

    def _renew(self, tokens: Tokens, version: int, refresh: Callable[[Tokens], Tokens]) -> str:
        try:
            fresh = refresh(tokens)
        except ErpRefused as error:
            self._rows.refuse(self._account, version, now=self._clock())
            log.error("erp.tokens_refused", account=self._account)  # noqa: TRY400 - whoever catches it logs it.
            raise TokensUnusable(
                f"{self._account}: the ERP refused to renew its tokens. {self._advice}"
            ) from error
        except ErpUnavailable:
            self._rows.release(self._account, version)
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the token may have been used.
            cause = type(error).__name__
            log.error("erp.tokens_lost", account=self._account, cause=cause)  # noqa: TRY400 - it may quote a token.
            raise TokensUnusable(
                f"{self._account}: whether its tokens were renewed is not known "
                f"({type(error).__name__}). {self._advice}"
            ) from None
        self._known, self._unkept = fresh, _Fresh(version, fresh)
        self._write_unkept()
        return fresh.access_token

    def _write_unkept(self) -> None:
        """Write renewed tokens to the ledger; while it is away this process has the only copy."""
        fresh = self._unkept
        if fresh is None:
            return
        sealed = seal_tokens(fresh.tokens, self._cipher)
        try:
            is_kept = self._rows.keep(self._account, fresh.version, sealed, now=self._clock())
        except LedgerUnavailable:
            log.error("erp.tokens_not_kept", account=self._account)  # noqa: TRY400 - its text says no more.
            return
        self._unkept = None
        if not is_kept:
            # A person set others, or these were kept, and only the answer was lost.
            self._known = None
        log.info("erp.tokens_renewed", account=self._account)

    @property
    def _advice(self) -> str:
        return f"Give new ones: orders-sync accounts token {self._account}"


class ReadTokens:
    """Returns the access token that is kept, for processes that only read; it renews none."""

    def __init__(self, account: str, settings: Settings, *, clock: Clock) -> None:
        self._account = account
        self._settings = settings
        self._clock = clock

    def access_token(
        self,
        refresh: Callable[[Tokens], Tokens],  # noqa: ARG002 - workers renew.
        *,
        refused: str | None = None,  # noqa: ARG002
    ) -> str:
        """Return the token; see `erp.tokens.TokenStore`."""
        with closing(Database(self._settings.ledger, read_only=True)) as database:
            kept = ErpTokens(database).find(self._account)
        if kept is None:
            raise TokensUnusable(
                f"it has no tokens; give the first: orders-sync accounts token {self._account}"
            )
        tokens = open_tokens(kept, Cipher(self._settings.secrets_key))
        if not tokens.is_good(self._clock(), ahead=timedelta()):
            raise ErpUnavailable("its access token has ended, and only the workers renew it")
        return tokens.access_token
