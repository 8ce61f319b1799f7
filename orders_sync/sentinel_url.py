"""The address of a Redis that sentinels watch over: `sentinel://:password@one:26379,two:26379/0`.

User, password and database are those of Redis. kombu's form, which repeats the scheme after each
`;`, is read too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, unquote, urlsplit

SENTINEL_SCHEME: Final = "sentinel://"
_PORT: Final = 26379


@dataclass(frozen=True, slots=True)
class SentinelUrl:
    """Where the sentinels are, and whose password and which database of Redis to use."""

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
    """Read the address.

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
            sentinels.append((address.hostname, address.port or _PORT))
    user, colon, secret = credentials.partition(":")
    if not database.isdecimal():
        raise ValueError("must end with the number of a database, as in /0")
    return SentinelUrl(
        tuple(sentinels), unquote(user) or None, unquote(secret) if colon else None, int(database)
    )


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
