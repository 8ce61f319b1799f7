"""Which addresses events may be sent to; who names an endpoint must not reach what only we can."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from typing import Final

from orders_sync.http_client import BadUrl, Target, read_target

#: IPv6 addresses that stand for an IPv4 address in their last 32 bits.
#: https://www.rfc-editor.org/rfc/rfc6052
_TRANSLATED: Final = ipaddress.IPv6Network("64:ff9b::/96")


def read_url(url: str, *, private_allowed: bool) -> Target:
    """Return where a URL leads.

    Raises:
        BadUrl: it is none of HTTP's, has a user or a fragment, or is not encrypted.
    """
    target = read_target(url)
    if not target.is_tls and not private_allowed:
        raise BadUrl(
            "it must begin with https://; http:// is for addresses of your own network, which "
            "ORDERS_SYNC_ENDPOINTS__PRIVATE_ADDRESSES=true allows"
        )
    return target


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
