"""The address of a Redis: which are allowed, and what one of sentinels names."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlsplit

SENTINEL_SCHEME: Final = "sentinel://"

#: The addresses of a Redis; a broker's may also have Celery's own scheme.
REDIS_SCHEMES: Final = ("redis://", "rediss://", "unix://", SENTINEL_SCHEME)

_SENTINEL_PORT: Final = 26379

#: What the query of a Redis URL may hold, in words that kombu and redis-py both take:
#: https://github.com/celery/kombu/blob/main/kombu/utils/url.py
_TLS_PARAMETERS: Final = (
    "ssl_ca_certs",
    "ssl_ca_path",
    "ssl_certfile",
    "ssl_keyfile",
    "ssl_password",
    "ssl_cert_reqs",
    "ssl_check_hostname",
    "ssl_ciphers",
)
_CERT_REQS: Final = ("required", "optional", "none", "CERT_REQUIRED", "CERT_OPTIONAL", "CERT_NONE")


@dataclass(frozen=True, slots=True)
class SentinelUrl:
    """The sentinels, and the user, password and database of Redis."""

    sentinels: tuple[tuple[str, int], ...]
    username: str | None
    password: str | None = field(repr=False)
    database: int

    def for_kombu(self) -> str:
        """Return the URL that kombu takes, with the password in each part.

        kombu goes on to the next part when a connection fails, and knows then nothing of the first.
        """
        user = quote(self.username or "", safe="")
        secret = f":{quote(self.password, safe='')}@" if self.password is not None else ""
        return ";".join(
            f"{SENTINEL_SCHEME}{user}{secret}{_bracketed(host)}:{port}/{self.database}"
            for host, port in self.sentinels
        )


def read_sentinel_url(url: str) -> SentinelUrl:
    """Read the address of a Redis that sentinels watch over.

    It is like `sentinel://:password@one:26379,two:26379/0`, with the user, password and database of
    Redis. kombu's form, which repeats the scheme after each `;`, is read too.

    Raises:
        ValueError: it names no sentinel, or what it names is no host, port or database.
    """
    credentials, database = "", "0"
    sentinels: list[tuple[str, int]] = []
    for part in url.split(";"):
        rest = part.strip().removeprefix(SENTINEL_SCHEME)
        before, at, hosts = rest.rpartition("@")
        credentials = before if at else credentials
        hosts, _, path = hosts.partition("/")
        database = path or database
        for host in hosts.split(","):
            address = urlsplit(f"//{host}")
            if not address.hostname or "?" in part:
                raise ValueError("must be like sentinel://:password@one:26379,two:26379/0")
            sentinels.append((address.hostname, address.port or _SENTINEL_PORT))
    user, colon, secret = credentials.partition(":")
    if not database.isdecimal():
        raise ValueError("must end with the number of a database, as in /0")
    return SentinelUrl(
        tuple(sentinels), unquote(user) or None, unquote(secret) if colon else None, int(database)
    )


def check_parameters(url: str) -> str | None:
    """Return which parameter of a redis:// or rediss:// URL cannot be used; None where all can.

    No value is repeated, since one may be a password.
    """
    if not url.startswith(("redis://", "rediss://")):
        return None
    for name, value in parse_qsl(urlsplit(url).query, keep_blank_values=True):
        if name not in _TLS_PARAMETERS:
            close = difflib.get_close_matches(name, _TLS_PARAMETERS, n=1)
            do = f"write {close[0]}" if close else "take it out"
            return f"{name} is no parameter of its URL: {do}"
        if url.startswith("redis://"):
            return f"{name} is for TLS: write rediss:// in place of redis://, or take it out"
        if name == "ssl_cert_reqs" and value not in _CERT_REQS:
            return f"{name} must be {', '.join(_CERT_REQS[:2])} or {_CERT_REQS[2]}"
    return None


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
