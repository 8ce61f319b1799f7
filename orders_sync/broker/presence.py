"""Which consumers live, so that the messages of a dead one soon go on with another."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import Any, Final

import structlog
from redis import Redis

from orders_sync.broker import keys
from orders_sync.broker.scripts import BEAT

#: Seconds that a beat which is under way may still take when the consumer leaves.
_PATIENCE_SECONDS: Final = 1.0

#: Of so many messages it is told for how long they have been in hand.
_MOST_HELD: Final = 100

log = structlog.get_logger(__name__)


class Presence:
    """Says that a channel's consumer lives, and puts back the messages of those that do not.

    A thread does so, because a worker of Celery's solo pool is busy while a task runs. So a beat
    does not show that the worker consumes; it tells when the consuming loop last had an answer.
    """

    def __init__(self, channel: Any) -> None:
        self._channel = channel
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; it goes on until `stop`, through any absence of the broker."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="presence", daemon=True)
            self._thread.start()

    @property
    def was_shown(self) -> bool:
        """Whether others know of the consumer."""
        return self._thread is not None

    def stop(self) -> None:
        """End; a beat that is under way may finish, unless the broker is away."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(_PATIENCE_SECONDS)

    def beat(self) -> list[str]:
        """Say once that the consumer lives; give the tags that were put back."""
        channel = self._channel
        pulse = channel.connection.pulse
        names = (
            keys.CONSUMERS,
            keys.OWNERS,
            keys.LOOKED,
            channel.unacked_index_key,
            keys.CONSUMING,
        )
        beat, silence = channel.consumer_beat, channel.consumer_silence
        held = json.dumps(channel.qos.held_seconds[:_MOST_HELD])
        arguments = [channel.consumer, beat, silence, pulse.node, pulse.silent_seconds, held]
        found = channel.run(BEAT, [channel.key(name) for name in names], arguments)
        orphans = [tag.decode() for tag in found]
        for tag in orphans:
            channel.qos.restore_by_tag(tag)
        if orphans:
            log.info("messages.restored", number=len(orphans), of="dead consumers")
        return orphans

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self.beat()
            except Exception as error:  # noqa: BLE001 - a missed beat is made up for by the next.
                log.debug("presence.beat_missed", cause=type(error).__name__)
            self._stopped.wait(self._channel.consumer_beat)


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
