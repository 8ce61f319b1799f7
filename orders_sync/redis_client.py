"""Opens clients of a Redis by its address, or by the sentinels that watch over it.

Sentinels are asked anew for the primary whenever a connection is made, so a client finds the next
primary by itself: https://redis.io/docs/latest/develop/reference/sentinel-clients/
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

from orders_sync.sentinel_url import SENTINEL_SCHEME, read_sentinel_url
from orders_sync.settings import Settings
from orders_sync.settings_parts import SentinelSettings

#: How long the broker's clients wait for a sentinel; the next is asked then.
SENTINEL_SECONDS: Final = 1.0


def open_redis(
    url: str, sentinel: SentinelSettings | None = None, *, seconds: float, **options: Any
) -> Redis:
    """Open a client, without connecting it; each wait for a server ends after so many seconds."""
    sentinel = sentinel or SentinelSettings()
    bounds = {"socket_timeout": seconds, "socket_connect_timeout": seconds, **options}
    if not url.startswith(SENTINEL_SCHEME):
        return Redis.from_url(url, **bounds)
    address = read_sentinel_url(url)
    tls = {"ssl": True, **_certificates(sentinel)} if sentinel.tls in {"redis", "both"} else {}
    manager: Any = Sentinel
    sentinels = manager(
        address.sentinels, sentinel_kwargs=sentinel_options(sentinel, seconds), **bounds, **tls
    )
    client: Redis = sentinels.master_for(
        sentinel.master,
        username=address.username,
        password=address.password,
        db=address.database,
    )
    return client


def sentinel_options(
    sentinel: SentinelSettings, seconds: float = SENTINEL_SECONDS
) -> dict[str, Any]:
    """Return how to connect to a sentinel, as redis-py takes it."""
    tls = {"ssl": True, **_certificates(sentinel)} if sentinel.tls in {"sentinels", "both"} else {}
    return {
        "username": sentinel.username,
        "password": sentinel.password.get_secret_value() if sentinel.password else None,
        "socket_timeout": seconds,
        "socket_connect_timeout": seconds,
        # The next sentinel is the better second try.
        "retry": Retry(NoBackoff(), 0),
        **tls,
    }


def broker_url(settings: Settings) -> str | None:
    """Return the broker's URL as kombu takes it."""
    url = settings.broker_url
    if url is None or not url.startswith(SENTINEL_SCHEME):
        return url
    return read_sentinel_url(url).for_kombu()


def broker_options(settings: Settings) -> dict[str, Any]:
    """Return the transport options that tell kombu of the sentinels."""
    if not (settings.broker_url or "").startswith(SENTINEL_SCHEME):
        return {}
    sentinel = settings.sentinel
    return {"master_name": sentinel.master, "sentinel_kwargs": sentinel_options(sentinel)}


def broker_tls(settings: Settings) -> dict[str, Any] | None:
    """Return how Celery checks the broker's certificate; what is in a URL's query comes first."""
    url = settings.broker_url or ""
    if url.startswith(SENTINEL_SCHEME) and settings.sentinel.tls in {"redis", "both"}:
        return {"ssl_cert_reqs": ssl.CERT_REQUIRED, **_certificates(settings.sentinel)}
    return {"ssl_cert_reqs": ssl.CERT_REQUIRED} if url.startswith("rediss://") else None


def checks_no_certificate(url: str) -> bool:
    """Tell whether a URL asks for TLS with whoever answers."""
    asked = dict(parse_qsl(urlsplit(url).query)).get("ssl_cert_reqs", "")
    return url.startswith("rediss://") and asked.lower() in {"none", "cert_none"}


@dataclass(frozen=True, slots=True)
class SentinelAnswer:
    """What one sentinel says of the primary: its address and whether it answers it.

    `known` are the names of the primaries it watches over; `error` is why it did not answer.
    """

    sentinel: str
    primary: str | None = None
    is_up: bool = False
    known: tuple[str, ...] = ()
    error: RedisError | None = None


def ask_sentinels(
    url: str, sentinel: SentinelSettings, *, seconds: float = SENTINEL_SECONDS
) -> Iterator[SentinelAnswer]:
    """Ask each sentinel of a URL for the primary."""
    for host, port in read_sentinel_url(url).sentinels:
        name = f"{host}:{port}"
        client: Any = Redis(host=host, port=port, **sentinel_options(sentinel, seconds))
        try:
            masters = client.sentinel_masters()
        except RedisError as error:
            yield SentinelAnswer(name, error=error)
            continue
        finally:
            client.close()
        state = masters.get(sentinel.master)
        if state is None:
            yield SentinelAnswer(name, known=tuple(sorted(masters)))
        else:
            is_up = not (state["is_sdown"] or state["is_odown"])
            yield SentinelAnswer(name, f"{state['ip']}:{state['port']}", is_up, tuple(masters))


def _certificates(sentinel: SentinelSettings) -> dict[str, str]:
    return {"ssl_ca_certs": str(sentinel.ca_file)} if sentinel.ca_file else {}
