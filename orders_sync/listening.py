"""Listening sockets of this machine."""

from __future__ import annotations

import socket
from typing import Final

_SECONDS: Final = 1.0


def listen(host: str, port: int) -> socket.socket:
    """Return a bound TCP socket; port 0 takes a free one.

    Raises:
        OSError: the address is none of this machine's, or the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches Nagle's delay off only for sockets that say they are TCP.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


def is_listening(host: str, port: int) -> bool:
    """Check whether a process accepts connections at an address."""
    try:
        with socket.create_connection((host, port), timeout=_SECONDS):
            return True
    except OSError:
        return False


def url_of(listener: socket.socket) -> str:
    """Return the base URL of what a socket listens on."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
