"""How a worker shows that it lives and consumes: a pulse in a file, a heartbeat in the broker.

The pulse is a file as old as the last word that the worker's consuming loop had of the broker. What
proves that a worker consumes is that the loop asks for messages and hears of it: "there are none"
is an answer, and so is that the broker cannot be reached or refuses. So a worker that waits for a
broker is not taken for deaf, and its silence counts from its last attempt on, at most half a minute
before the broker is back. A loop that hangs, does not ask, or is never answered leaves the file to
age.

A file, because its age can be read without the broker and without starting Python: by the
supervisor of `orders-sync up`, by a container's health check, by a person. A worker that systemd
runs tells it too, whose watchdog replaces a process that falls silent.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog
from redis import Redis

from orders_sync.broker.scripts import BEAT, CONSUMERS, CONSUMING, LOOKED, OWNERS

#: The file is touched no more often; a busy loop has hundreds of answers in that time.
_TOUCH_SECONDS: Final = 1.0


def pulse_file(folder: Path, node: str) -> Path:
    """Return the file of a worker; `node` is its Celery name, as in worker1@host."""
    return folder / f"{node}.pulse"


def pulse_of(options: Mapping[str, Any]) -> Pulse:
    """Make the pulse that the transport options of a connection ask for.

    They are `node`, `pulse_folder` and `watchdog_address`; without a node it leaves no trace.
    """
    node, folder = options.get("node", ""), options.get("pulse_folder")
    if not node:
        return Pulse(node, None)
    path = pulse_file(Path(folder), node) if folder else None
    return Pulse(node, path, watchdog=options.get("watchdog_address"))


class Pulse:
    """Records when the broker was heard of; in a file too, and for systemd, where there is one.

    `node` names the worker; it is empty for what is no worker, such as a command. `watchdog` is the
    address of systemd's socket.
    """

    def __init__(
        self,
        node: str,
        path: Path | None,
        *,
        watchdog: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.node = node
        self._path = path
        self._watchdog = watchdog
        self._clock = clock
        self._touched_at = float("-inf")
        self._answered_at = clock()

    @property
    def silent_seconds(self) -> float:
        """How long ago the loop last had an answer, or began."""
        return self._clock() - self._answered_at

    def answered(self) -> None:
        """Record that the broker answered the loop; called for each answer, so it must be cheap."""
        self._answered_at = now = self._clock()
        if now - self._touched_at >= _TOUCH_SECONDS:
            self._touch(now)

    def tried(self) -> None:
        """Record that the loop tried to reach the broker, in vain."""
        self._touch(self._clock())

    def remove(self) -> None:
        """Remove the file: a worker without one is just starting, or finishes what it has."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _touch(self, now: float) -> None:
        self._touched_at = now
        # A disk that is full or read-only must not keep a worker from its work.
        with suppress(OSError):
            if self._path is not None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._path.touch()
        with suppress(OSError):
            if self._watchdog is not None:
                _send_to_systemd(self._watchdog)


def _send_to_systemd(address: str) -> None:
    if address.startswith("@"):
        # It is in Linux's abstract namespace.
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.setblocking(False)
        systemd.sendto(b"WATCHDOG=1", address)


#: Seconds that a beat which is under way may still take when the consumer leaves.
_PATIENCE_SECONDS: Final = 1.0

#: For so many messages a beat says how long they have been in hand.
_MOST_HELD: Final = 100

log = structlog.get_logger(__name__)


class ConsumerHeartbeat:
    """The sign of life of a consumer in the broker; it puts back the messages of those that died.

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
            self._thread = threading.Thread(
                target=self._run, name="consumer-heartbeat", daemon=True
            )
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
        """Send one sign of life; return the tags of the messages that were put back."""
        channel = self._channel
        pulse = channel.connection.pulse
        names = (
            CONSUMERS,
            OWNERS,
            LOOKED,
            channel.unacked_index_key,
            CONSUMING,
        )
        beat, silence = channel.consumer_beat, channel.consumer_silence
        held = json.dumps(channel.qos.held_seconds[:_MOST_HELD])
        arguments = [channel.consumer, beat, silence, pulse.node, pulse.silent_seconds, held]
        tags = channel.run(BEAT, [channel.key(name) for name in names], arguments)
        orphans = [tag.decode() for tag in tags]
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
    living = broker.zrangebyscore(CONSUMERS, now - heard_of_seconds, "+inf")
    words = broker.hmget(CONSUMING, living) if living else []
    workers = [_read_word(json.loads(word), now) for word in words if word is not None]
    return sorted(workers, key=lambda worker: worker.node)


def _read_word(word: dict[str, Any], now: float) -> LivingWorker:
    since = now - word.get("at", now)
    held = tuple(since + seconds for seconds in json.loads(word.get("held", "[]")))
    return LivingWorker(word["node"], now - word["answered_at"], held)
