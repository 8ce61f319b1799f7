"""Signatures and secrets of Standard Webhooks; pure but for `new_secret`.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from standardwebhooks import Webhook

_PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = 32
#: The lengths in bytes that the standard allows.
_SECRET_LENGTHS: Final = range(24, 65)


def new_secret() -> str:
    """Return a new random secret."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def is_secret(text: str) -> bool:
    """Check whether a text is a secret as the standard has it."""
    try:
        secret = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except ValueError:
        return False
    return len(secret) in _SECRET_LENGTHS


def sign(event_id: str, body: str, keys: Sequence[str], *, at: datetime) -> Mapping[str, str]:
    """Return the headers of an event that is sent at a time, signed with each of the secrets."""
    signatures = (Webhook(key).sign(msg_id=event_id, timestamp=at, data=body) for key in keys)
    return {
        "webhook-id": event_id,
        "webhook-timestamp": f"{int(at.timestamp())}",
        "webhook-signature": " ".join(signatures),
        "User-Agent": "orders-sync",
    }
