"""The key with which an account's calls are authorised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orders_sync.errors import ConfigurationError

if TYPE_CHECKING:
    from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class Credentials:
    """An application key and its token; neither shows in a repr.

    VTEX renews a token in two steps and takes both tokens in between, so a client may be given a
    callable that returns whichever is current.
    https://developers.vtex.com/docs/guides/api-authentication-using-api-keys
    """

    app_key: SecretStr
    app_token: SecretStr

    def __post_init__(self) -> None:
        for name, secret in (("APP_KEY", self.app_key), ("APP_TOKEN", self.app_token)):
            # A wrong header is shown in full by the HTTP library's error, so it never gets there.
            text = secret.get_secret_value()
            if not text or not text.isascii() or not text.isprintable() or " " in text:
                raise ConfigurationError(
                    f"{name} is empty or holds a space, a line break or a letter that no header "
                    "takes. Copy it again from VTEX, without quotes and line breaks."
                )

    def headers(self) -> Mapping[str, str]:
        """Word the credentials as VTEX's two headers."""
        return {
            "X-VTEX-API-AppKey": self.app_key.get_secret_value(),
            "X-VTEX-API-AppToken": self.app_token.get_secret_value(),
        }
