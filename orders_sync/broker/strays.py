"""The messages that nobody here can work on, for a person to look at."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from redis import Redis

from orders_sync.broker.scripts import STRAYS, STRAYS_DROPPED

_MOVE = """
local number = redis.call('LREM', KEYS[1], 1, ARGV[1])
if number == 1 then redis.call('LPUSH', KEYS[2], ARGV[2]) end
return number
"""


@dataclass(frozen=True, slots=True)
class Stray:
    """A message that was set aside; its body is not shown, since it may hold personal data.

    `reason` is one of: not-json, bad-envelope, unknown-task, invalid-task, never-ended, no-queue.
    `name` is the task's name, or empty.
    """

    id: str
    when: datetime
    queue: str
    reason: str
    name: str
    body: bytes = field(repr=False)

    @property
    def size(self) -> int:
        """The length of the message in bytes."""
        return len(self.body)


class BrokerStrays:
    """The strays of one broker.

    `redis` must not decode its answers: a stray may be any bytes. `key_prefix` is kombu's
    `global_keyprefix`.
    """

    def __init__(self, redis: Redis, key_prefix: str = "") -> None:
        self._redis: Any = redis
        self._prefix = key_prefix
        self._key = key_prefix + STRAYS
        self._move = redis.register_script(_MOVE)

    def __len__(self) -> int:
        return int(self._redis.llen(self._key))

    @property
    def dropped(self) -> int:
        """How many were dropped because too many were kept."""
        return int(self._redis.get(self._prefix + STRAYS_DROPPED) or 0)

    def list(self, limit: int = 1000) -> Sequence[Stray]:
        """Return the strays, the oldest first."""
        return [_read(entry) for entry in self._entries(limit)]

    def pop(self, stray_id: str) -> Stray | None:
        """Remove a stray and return it; None where there is none of that id."""
        entry = self._find(stray_id)
        if entry is None or not self._redis.lrem(self._key, 1, entry):
            return None
        return _read(entry)

    def put_back(self, stray_id: str, queue: str | None = None) -> bool:
        """Put a stray back as the last of its queue, or of another; return whether it was there."""
        entry = self._find(stray_id)
        if entry is None:
            return False
        stray = _read(entry)
        names = [self._key, self._prefix + (queue or stray.queue)]
        return bool(self._move(keys=names, args=[entry, stray.body]))

    def discard(self, stray_id: str) -> bool:
        """Delete a stray; return whether it was there."""
        return self.pop(stray_id) is not None

    def collect(self, into: Callable[[Stray], None], limit: int = 100) -> int:
        """Hand strays over, the oldest first, and delete each once `into` has it; return how many.

        `into` may see a stray twice, under the same id, when a process dies in between.
        """
        entries = self._entries(limit)
        for entry in entries:
            into(_read(entry))
            self._redis.lrem(self._key, -1, entry)
        return len(entries)

    def _entries(self, limit: int) -> Sequence[bytes]:
        entries: Sequence[bytes] = self._redis.lrange(self._key, -limit, -1)
        return entries[::-1]

    def _find(self, stray_id: str) -> bytes | None:
        entries: Sequence[bytes] = self._redis.lrange(self._key, 0, -1)
        return next((entry for entry in entries if _about(entry)["id"] == stray_id), None)


def _about(entry: bytes) -> dict[str, Any]:
    about: dict[str, Any] = json.loads(entry.partition(b"\n")[0])
    return about


def _read(entry: bytes) -> Stray:
    about = _about(entry)
    return Stray(
        id=about["id"],
        when=datetime.fromtimestamp(about["when"], UTC),
        queue=about["queue"],
        reason=about["reason"],
        name=about["name"],
        body=entry.partition(b"\n")[2],
    )
