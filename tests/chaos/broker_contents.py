"""What lies in the broker: emptied as a fault, and written down to be searched."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

_SECONDS = 1.0


class BrokerContents:
    """All keys of the broker; while it is away, it has none.

    What they hold is appended to the file at `path`.
    """

    def __init__(self, url: str, path: Path) -> None:
        self.path = path
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

    def write_down(self) -> None:
        """Look at every key, if the broker answers."""
        try:
            found = [(key, self._read(key)) for key in self._client.scan_iter(count=1000)]
        except redis.RedisError:
            return
        with self.path.open("ab") as file:
            file.writelines(key + b" " + _flat(value) + b"\n" for key, value in found)

    def close(self) -> None:
        """Give the connection back."""
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
