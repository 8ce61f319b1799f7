"""Which addresses events may be sent to; who names an endpoint must not reach what only we can."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

_PORTS: Final = {"http": 80, "https": 443}

#: IPv6 addresses that stand for an IPv4 address in their last 32 bits.
#: https://www.rfc-editor.org/rfc/rfc6052
_TRANSLATED: Final = ipaddress.IPv6Network("64:ff9b::/96")


class BadUrl(ValueError):
    """Raised for a URL that events cannot, or may not, be sent to; the text says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads: `path` has the query, `host` no brackets."""

    is_tls: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        is_usual = self.port == _PORTS["https" if self.is_tls else "http"]
        return host if is_usual else f"{host}:{self.port}"


def read_url(url: str, *, private_allowed: bool) -> Target:
    """Return where a URL leads.

    Raises:
        BadUrl: it is none of HTTP's, has a user or a fragment, or is not encrypted.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
        host = (parts.hostname or "").encode("idna" if parts.hostname else "ascii").decode()
    except ValueError:
        raise BadUrl("it is no URL") from None
    if not url.isascii() or not url.isprintable() or " " in url:
        raise BadUrl("it has characters that a URL cannot have; quote them")
    if parts.scheme not in _PORTS or not host:
        raise BadUrl("it must begin with https:// and name a host")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise BadUrl("it must have neither a user, a password nor a fragment")
    if parts.scheme == "http" and not private_allowed:
        raise BadUrl(
            "it must begin with https://; http:// is for addresses of your own network, which "
            "ORDERS_SYNC_ENDPOINTS__PRIVATE_ADDRESSES=true allows"
        )
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme == "https", host, port, path)


def is_public(address: str) -> bool:
    """Check whether anybody on the internet could be at an address."""
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        within = ip.ipv4_mapped or ip.sixtofour or (ip.teredo or (None, None))[1]
        if within is None and ip in _TRANSLATED:
            within = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if within is not None:
            return is_public(str(within))
        if ip.is_site_local:
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a host, the best first.

    Raises:
        OSError: the name is not known.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(where[4][0]) for where in found))
