"""Encryption of the secrets in the ledger, with keys that the ledger does not have.

A text is encrypted with the first key, and read with any, so that keys change without a gap: put a
new one before the old, restart the processes, encrypt again, take the old one out.
https://cryptography.io/en/latest/fernet/
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from orders_sync.errors import ConfigurationError, OrdersSyncError

if TYPE_CHECKING:
    from cryptography.fernet import Fernet, MultiFernet
    from pydantic import SecretStr

_SETTING: Final = "ORDERS_SYNC_SECRETS_KEY"


class NotDecrypted(OrdersSyncError):
    """Raised for a text that none of this process's keys reads; the message says what to do."""


def new_key() -> str:
    """Return a new random key."""
    from cryptography.fernet import Fernet  # noqa: PLC0415 - most commands encrypt nothing.

    return Fernet.generate_key().decode()


def read_keys(text: SecretStr) -> list[Fernet]:
    """Return keys, of which the first encrypts; blanks, line breaks or commas separate them.

    Raises:
        ValueError: one is no key, or there is none; the message quotes nothing of it.
    """
    from cryptography.fernet import Fernet  # noqa: PLC0415

    try:
        keys = [Fernet(key) for key in re.split(r"[\s,]+", text.get_secret_value().strip(" \n,"))]
    except ValueError:
        raise ValueError("holds no key that orders-sync accounts new-key printed") from None
    return keys


class Cipher:
    """Encrypts and decrypts texts; without keys both raise an error that names the setting."""

    def __init__(self, keys: SecretStr | None) -> None:
        self._keys: MultiFernet | None = None
        if keys is not None:
            from cryptography.fernet import MultiFernet  # noqa: PLC0415

            self._keys = MultiFernet(read_keys(keys))

    @property
    def has_key(self) -> bool:
        """Whether texts can be encrypted."""
        return self._keys is not None

    def encrypt(self, text: str) -> str:
        """Return a text encrypted with the first key.

        Raises:
            ConfigurationError: there is no key.
        """
        return self._fernet().encrypt(text.encode()).decode()

    def decrypt(self, token: str) -> str:
        """Return the decrypted text.

        Raises:
            NotDecrypted: no key of this process reads it, or there is none.
        """
        if self._keys is None:
            raise NotDecrypted(f"they are encrypted, and {_SETTING} is not set here")
        from cryptography.fernet import InvalidToken  # noqa: PLC0415

        try:
            return self._keys.decrypt(token).decode()
        except InvalidToken:
            raise NotDecrypted(f"no key of {_SETTING} decrypts them") from None

    def renew(self, token: str) -> str:
        """Return a text, encrypted with any of the keys, encrypted with the first.

        Raises:
            ConfigurationError: there is no key.
            NotDecrypted: none of them encrypted it.
        """
        from cryptography.fernet import InvalidToken  # noqa: PLC0415

        try:
            return self._fernet().rotate(token).decode()
        except InvalidToken:
            raise NotDecrypted(f"no key of {_SETTING} decrypts them") from None

    def _fernet(self) -> MultiFernet:
        if self._keys is None:
            raise ConfigurationError(
                f"{_SETTING} is missing: without a key the ledger keeps no secret. Make one with "
                f"orders-sync accounts new-key, and give every process {_SETTING}=that key, or "
                f"{_SETTING}_FILE=a file with it. Or name the secrets' places: file:/path, env:NAME"
            )
        return self._keys
