"""What an error of Redis, or of the way to it, means, and what to do about it.

Sources of the words: https://github.com/redis/redis/blob/unstable/src/server.c (`shared`),
https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

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
    """What failed, and what to do; neither quotes the error, which may hold an address."""

    says: str
    do: str


#: Words of an error in lower case, what they mean, and what to do; the first that match count.
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
