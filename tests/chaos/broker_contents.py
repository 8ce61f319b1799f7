"""What lies in the broker: emptied as a fault, and written down to be searched."""

from __future__ import annotations

import base64
import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

_SECONDS = 1.0

_INTAKE: Final = "celery"
#: What others send and nobody took yet, what was set aside, and answers to `inspect`.
_OTHER_LISTS: Final = re.compile(rb"^celery$|strays|pidbox")

#: What a service may send by mistake: https://docs.celeryq.dev/en/stable/internals/protocol.html
_HEADERS: Final = {"lang": "py", "task": "orders_sync.invoice", "id": "1"}
_POISON: Final = (
    b"no message",
    b"null",
    *(
        json.dumps(
            {
                "body": base64.b64encode(body).decode(),
                "content-encoding": "utf-8",
                "content-type": "application/json",
                "headers": headers,
                "properties": {
                    "body_encoding": "base64",
                    "delivery_info": {"exchange": "", "routing_key": _INTAKE},
                    "delivery_tag": f"poison-{index}",
                },
            }
        ).encode()
        for index, (headers, body) in enumerate(
            [
                (_HEADERS, b"null"),
                (_HEADERS, b'{"account": "sandbox", "order_id": "1"}'),
                (_HEADERS, b'{"account": "sandbox", "order_id": "1", "invoice": {}}'),
                ({**_HEADERS, "timelimit": 30}, b"[[], {}, {}]"),
                ({**_HEADERS, "task": ["orders_sync.invoice"]}, b"[[], {}, {}]"),
                ({}, b"[[], {}]"),
            ]
        )
    ),
)


class BrokerContents:
    """All keys of the broker; while it is away, it has none.

    What they hold is appended to the file at `path`. `most_messages` is how many messages were in
    the workers' own queues at once, of all times that it was measured.
    """

    def __init__(self, url: str, path: Path) -> None:
        self.path = path
        self.most_messages = 0
        path.touch()
        # Whoever waited for a broker that stands still could not let it go on.
        self._client: Any = redis.Redis.from_url(
            url,
            socket_timeout=_SECONDS,
            socket_connect_timeout=_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )

    def empty(self) -> None:
        """Lose everything, if the broker answers."""
        with contextlib.suppress(redis.RedisError):
            self._client.flushall()

    def poison(self) -> None:
        """Put what is no message of a command where other services leave theirs."""
        with contextlib.suppress(redis.RedisError):
            self._client.lpush(_INTAKE, *_POISON)

    @contextlib.contextmanager
    def refusing(self) -> Iterator[None]:
        """Have the broker take nothing, as if its disk were full; a restart ends that."""
        self._want_replicas(1)
        try:
            yield
        finally:
            self._want_replicas(0)

    def _want_replicas(self, number: int) -> None:
        with contextlib.suppress(redis.RedisError):
            self._client.config_set("min-replicas-to-write", number)

    def measure(self) -> None:
        """Count the messages in the workers' own queues, if the broker answers."""
        with contextlib.suppress(redis.RedisError):
            lists = self._client.scan_iter(count=1000, _type="list")
            queues = [key for key in set(lists) if not _OTHER_LISTS.search(key)]
            self.most_messages = max(self.most_messages, sum(map(self._client.llen, queues)))

    def write_down(self) -> None:
        """Look at every key, if the broker answers."""
        try:
            values = [(key, self._read(key)) for key in self._client.scan_iter(count=1000)]
        except redis.RedisError:
            return
        with self.path.open("ab") as file:
            file.writelines(key + b" " + _flat(value) + b"\n" for key, value in values)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _read(self, key: bytes) -> Any:
        match self._client.type(key):
            case b"string":
                return self._client.get(key)
            case b"list":
                return self._client.lrange(key, 0, -1)
            case b"hash":
                return self._client.hgetall(key)
            case b"set":
                return self._client.smembers(key)
            case b"zset":
                return self._client.zrange(key, 0, -1)
            case b"stream":
                return self._client.xrange(key)
            case _:
                return None


def _flat(value: Any) -> bytes:
    """Write a value of any depth as bytes, so that the texts in it stay as they are."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list | tuple | set):
        return b" ".join(map(_flat, value))
    return str(value).encode()
