"""Which workers live, as the broker knows it, and since when each has heard nothing from it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from redis import Redis

from orders_sync.broker import keys


@dataclass(frozen=True, slots=True)
class LivingWorker:
    """A worker whose process lives.

    `silent_seconds` tells how long ago its consuming loop had an answer from the broker,
    `held_seconds` for how long it has had each message, the oldest first.
    """

    node: str
    silent_seconds: float
    held_seconds: tuple[float, ...] = ()


def living_workers(redis: Redis, *, heard_of_seconds: float) -> list[LivingWorker]:
    """List the workers that said within so many seconds that they live, by name."""
    broker: Any = redis
    seconds, microseconds = broker.time()
    now = seconds + microseconds / 1e6
    living = broker.zrangebyscore(keys.CONSUMERS, now - heard_of_seconds, "+inf")
    words = broker.hmget(keys.CONSUMING, living) if living else []
    found = [json.loads(word) for word in words if word is not None]
    return sorted((_read(word, now) for word in found), key=lambda worker: worker.node)


def _read(word: dict[str, Any], now: float) -> LivingWorker:
    since = now - word.get("at", now)
    held = tuple(since + seconds for seconds in json.loads(word.get("held", "[]")))
    return LivingWorker(word["node"], now - word["answered_at"], held)
