"""Calls of an ERP over HTTP: bounded in time and size, made once, and never redirected."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Final

from urllib3 import BaseHTTPResponse, Timeout
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from orders_sync.errors import ErpUnavailable
from orders_sync.http_client import (
    IdleConnections,
    Pool,
    Target,
    asked_seconds,
    open_pool,
    read_target,
    until,
)
from orders_sync.listening import is_listening

#: A reply is a number or a word; what is longer is a web page.
_MOST_BYTES: Final = 64 * 1024
_CHUNK_BYTES: Final = 16 * 1024
_LONGEST_ASKED_SECONDS: Final = 3600.0

#: How many connections of a process to such ERPs wait open for their next call.
_IDLE: Final = IdleConnections(50)


@dataclass(frozen=True, slots=True)
class HttpReply:
    """What was answered; `retry_after` is in seconds, of which an hour counts."""

    status: int
    body: bytes
    retry_after: float | None


class HttpCalls:
    """Posts to the URLs of one ERP, over connections that wait open for the next call.

    Each call has `connect_seconds` to connect and to send, `read_seconds` for each wait for the
    next bytes, and `total_seconds` in all. Errors name a call by its verb: a URL may be secret.
    """

    def __init__(
        self, *, connect_seconds: float, read_seconds: float, total_seconds: float
    ) -> None:
        self._timeout = Timeout(connect=connect_seconds, read=read_seconds)
        self._total_seconds = total_seconds
        self._pools: dict[tuple[bool, str, int], Pool] = {}

    def post(
        self, verb: str, url: str, body: bytes, headers: Mapping[str, str], *, now: datetime
    ) -> HttpReply:
        """Post a body, and read the whole reply.

        Raises:
            ErpUnavailable: there is none, or it is no end of it; the call may have had its effect.
        """
        target = read_target(url)
        deadline = monotonic() + self._total_seconds
        try:
            with until(deadline):
                response = self._pool(target).urlopen(
                    "POST",
                    target.path,
                    body=body,
                    headers=dict(headers),
                    redirect=False,
                    retries=False,
                    preload_content=False,
                    decode_content=False,
                    timeout=self._timeout,
                )
                return self._reply(verb, response, now)
        except (NewConnectionError, ConnectTimeoutError) as error:
            raise ErpUnavailable(
                f"No connection to the ERP for {verb} ({type(error).__name__}). Start it, or "
                "correct the url of the account's ERP_OPTIONS."
            ) from None
        except (HTTPError, ssl.SSLError, OSError, ValueError) as error:
            is_late = monotonic() >= deadline
            why = f"within {self._total_seconds:g} s" if is_late else f"({_kind(error)})"
            raise ErpUnavailable(
                f"The ERP gave no answer to {verb} {why}. It may have done it, and is asked again."
            ) from None

    def require_there(self, url: str) -> None:
        """Check that somebody takes connections where a URL leads, without a call.

        Raises:
            ErpUnavailable: nobody does.
        """
        target = read_target(url)
        if not is_listening(target.host, target.port):
            raise ErpUnavailable(f"Nobody takes connections at {target.authority}.")

    def close(self) -> None:
        """Close the connections that wait."""
        for pool in self._pools.values():
            pool.close()

    def _pool(self, target: Target) -> Pool:
        origin = (target.is_tls, target.host, target.port)
        pool = self._pools.get(origin)
        if pool is None:
            # Where two threads are first at once, the other's pool goes with its call.
            pool = self._pools.setdefault(origin, open_pool(target, _IDLE))
        return pool

    def _reply(self, verb: str, response: BaseHTTPResponse, now: datetime) -> HttpReply:
        body = bytearray()
        while chunk := response.read(_CHUNK_BYTES):
            body += chunk
            if len(body) > _MOST_BYTES:
                response.close()
                raise ErpUnavailable(
                    f"The ERP answers {response.status} to {verb} with more than {_MOST_BYTES} "
                    "bytes, which is no reply of docs/webhook-erp.md."
                )
        response.release_conn()
        asked = asked_seconds(response.headers.get("Retry-After", ""), now)
        wait = None if asked is None else min(asked, _LONGEST_ASKED_SECONDS)
        return HttpReply(response.status, bytes(body), wait)


def _kind(error: Exception) -> str:
    """Return the kind of an error; its text may quote what was sent."""
    reason = getattr(error, "reason", None)
    return type(reason if isinstance(reason, Exception) else error).__name__
