"""Passwords: hashed by argon2, a few at a time, and in the same time for names that nobody has."""

from __future__ import annotations

import secrets
import threading
from contextlib import suppress
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from orders_sync.errors import OrdersSyncError

#: A hash takes 64 MiB; so many are made at once.
_AT_ONCE: Final = 2

SHORTEST: Final = 12
LONGEST: Final = 200


class WeakPassword(OrdersSyncError):
    """Raised for a password that is too easily guessed; the message says what is asked for."""


def new_password() -> str:
    """Return a password that nobody guesses, of characters that are not mistaken for others."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    groups = ("".join(secrets.choice(alphabet) for _ in range(5)) for _ in range(4))
    return "-".join(groups)


def require_strong(password: str, name: str) -> str:
    """Return a password that may be used: long, and not the name of whoever has it.

    Raises:
        WeakPassword: it is not.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise WeakPassword(f"A password has {SHORTEST} to {LONGEST} characters.")
    if password.casefold() == name.casefold() or len(set(password)) < SHORTEST // 3:
        raise WeakPassword("This password is guessed at once: take another.")
    return password


class Passwords:
    """Makes hashes and checks passwords against them; threads take turns."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._turns = threading.BoundedSemaphore(_AT_ONCE)
        self._of_nobody = self._hasher.hash(secrets.token_hex(16))

    def hash(self, password: str) -> str:
        """Return what is kept of a password."""
        with self._turns:
            return self._hasher.hash(password)

    def is_right(self, password: str, kept: str | None) -> bool:
        """Check a password against its hash; None, of a name that nobody has, takes as long."""
        with self._turns, suppress(VerificationError, InvalidHashError):
            self._hasher.verify(kept or self._of_nobody, password[:LONGEST])
            return kept is not None
        return False
