"""Opens clients of a Redis, directly or by its sentinels, and explains the errors of one.

Sentinels are asked for the primary whenever a connection is made, so a client finds the next
primary by itself: https://redis.io/docs/latest/develop/reference/sentinel-clients/
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

from orders_sync.redis_url import SENTINEL_SCHEME, read_sentinel_url
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
    """Check whether a URL asks for TLS without a check of the certificate."""
    asked = dict(parse_qsl(urlsplit(url).query)).get("ssl_cert_reqs", "")
    return url.startswith("rediss://") and asked.lower() in {"none", "cert_none"}


@dataclass(frozen=True, slots=True)
class SentinelAnswer:
    """The answer of one sentinel: the address of the primary, and whether that answers it.

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


CLUSTER_SAYS: Final = "it is a Redis Cluster, which can keep neither Celery's queues nor the budget"
CLUSTER_DO: Final = (
    "Name a single Redis or Valkey, or sentinels, in {setting}: a step takes from several queues "
    "at once, and a cluster keeps them apart."
)
SENTINEL_SAYS: Final = "it is a sentinel, which keeps nothing, and no Redis"
SENTINEL_DO: Final = (
    "Write sentinel:// in {setting}, with the password of Redis, and name what it watches over in "
    "ORDERS_SYNC_SENTINEL__MASTER."
)
SENTINEL_LOGIN_DO: Final = (
    "Correct ORDERS_SYNC_SENTINEL__PASSWORD (and __USERNAME): they are the sentinels' own, and "
    "left out where these have none. The password in the URL is that of Redis."
)
READ_ONLY_SAYS: Final = "it is a read-only replica"
READ_ONLY_DO: Final = (
    "Name its primary in {setting}, or its sentinels (sentinel://), which always know the primary."
)
FULL_SAYS: Final = "it is full: maxmemory is reached, and it takes no more"
FULL_DO: Final = (
    "Raise maxmemory, or find what fills it (`redis-cli --bigkeys`): it is for orders_sync alone."
)

_NO_FILE_SAYS: Final = "a file of certificates or keys for it is not there"
_NO_FILE_DO: Final = (
    "Correct the ssl_ca_certs, ssl_certfile or ssl_keyfile in {setting}, or "
    "ORDERS_SYNC_SENTINEL__CA_FILE."
)


@dataclass(frozen=True, slots=True)
class RedisFailure:
    """The meaning of an error, and what to do; neither quotes it, as it may hold an address."""

    says: str
    do: str


#: Words of an error in lower case, what they mean, and what to do; the first that match count.
#: They are of https://github.com/redis/redis/blob/unstable/src/server.c (`shared`), and
#: https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/
_MEANINGS: Final = (
    (
        ("hostname mismatch", "ip address mismatch"),
        "its certificate is for another name",
        (
            "Name it in {setting} as its certificate does; sentinels name servers by address "
            "unless they have `resolve-hostnames yes` and `announce-hostnames yes`."
        ),
    ),
    (
        ("certificate has expired",),
        "its certificate has expired",
        "Renew it, then restart the server.",
    ),
    (
        ("certificate_verify_failed", "certificate verify failed"),
        "its certificate is not trusted: no authority that this machine knows has signed it",
        (
            "Name the file with the authority's certificate: {setting}=rediss://...?ssl_ca_certs="
            "/path/ca.pem, or ORDERS_SYNC_SENTINEL__CA_FILE with sentinel://."
        ),
    ),
    (
        ("wrong version number", "record layer failure", "packet length too long"),
        "it does not speak TLS at this port",
        "Name its TLS port in {setting}, or write redis:// in place of rediss://.",
    ),
    (
        ("certificate required", "bad certificate", "handshake failure"),
        "it wants a certificate of ours",
        "Name it in {setting}: rediss://...?ssl_certfile=/path/us.pem&ssl_keyfile=/path/us.key",
    ),
    (("moved ", "crossslot", "clusterdown", "cluster mode"), CLUSTER_SAYS, CLUSTER_DO),
    (
        ("max number of clients", "max number of clients reached"),
        "it takes no more connections: maxclients is reached",
        "Raise maxclients (and the server's limit of open files), or stop who does not need it.",
    ),
    (("oom command not allowed", "used memory > 'maxmemory'"), FULL_SAYS, FULL_DO),
    (("read only replica", "readonly", "master is now a slave"), READ_ONLY_SAYS, READ_ONLY_DO),
    (
        ("wrongpass", "invalid username-password", "invalid password", "auth failed"),
        "it refuses the user or the password",
        ("Correct the password in {setting}; what is neither letter nor digit is written %XX."),
    ),
    (
        ("noauth", "authentication required", "already authenticated"),
        "it wants a password",
        (
            "Put it into {setting}: redis://:password@host:6379/0 (a sentinel's own is "
            "ORDERS_SYNC_SENTINEL__PASSWORD)."
        ),
    ),
    (
        ("called without any password", "no password is set"),
        "it has no password, and {setting} gives one",
        "Set requirepass in the server's configuration, or take the password out of {setting}.",
    ),
    (
        ("noperm", "no permissions"),
        "its user may not run the commands that are needed",
        "Give the user in {setting} all keys, channels and commands (~* &* +@all).",
    ),
    (
        ("db index is out of range", "invalid db index"),
        "it has no database of that number",
        "End {setting} with /0.",
    ),
    (
        ("loading the dataset", "loading redis is loading"),
        "it is starting, and reads its data",
        "Wait; it answers once it has read all.",
    ),
    (
        ("misconf",),
        "it cannot write its data to the disk, and takes nothing",
        "Make room on its disk; its log says more.",
    ),
    (("noreplicas",), "too few replicas are in step, and it takes nothing", "See to its replicas."),
    (
        ("no master found",),
        "no sentinel names a primary that works",
        (
            "Look at the sentinels: do they answer, take ORDERS_SYNC_SENTINEL__PASSWORD, and know "
            "ORDERS_SYNC_SENTINEL__MASTER?"
        ),
    ),
    (
        ("name or service not known", "name resolution", "nodename nor servname", "no address"),
        "its host is not known",
        "Correct the host in {setting}, or the name server.",
    ),
    (
        ("connection refused", "no such file or directory"),
        "nothing listens there",
        "Start it, or correct the host and the port in {setting}.",
    ),
    (
        ("timeout", "timed out", "unreachable"),
        "it does not answer in time",
        "Is its machine up, does a firewall let us in, does the port speak TLS as {setting} does?",
    ),
    (
        ("connection closed by server", "connection reset", "unexpected_eof", "eof occurred"),
        "it closes the connection at once",
        "If it speaks TLS at this port, write rediss:// in {setting}; else its log says why.",
    ),
)


def read_redis_failure(error: BaseException, *, setting: str) -> RedisFailure:
    """Return what an error means; `setting` is the variable that names the server."""
    words = " | ".join(_words(error)).lower()
    # The path of a socket has no port.
    if re.search(r"error 2 connecting to [^/ ]+:\d", words):
        return RedisFailure(_NO_FILE_SAYS, _NO_FILE_DO.format(setting=setting))
    for marks, says, do in _MEANINGS:
        if any(mark in words for mark in marks):
            return RedisFailure(says.format(setting=setting), do.format(setting=setting))
    return RedisFailure(
        f"does not answer ({type(error).__name__})", f"Start it, or correct {setting}."
    )


def _words(error: BaseException) -> Iterator[str]:
    """Return the words of an error and of those that led to it."""
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield f"{type(following).__name__}: {following}"
        following = following.__cause__ or following.__context__
